"use strict";

/* Asks every second whether what the page says is still true. */
const shown = document.getElementById("state").dataset.state;

setInterval(async () => {
  try {
    const answer = await fetch("/state", { cache: "no-store" });
    if (answer.ok && (await answer.text()) !== shown) {
      location.reload();
    }
  } catch (unreachable) {
    /* Asked again in a second. */
  }
}, 1000);
