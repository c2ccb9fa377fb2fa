"use strict";

/* The page has loaded when all of its frames have. Without a place to go on to, it stays. */
window.addEventListener("load", () => {
  const next = document.getElementById("next");
  if (next !== null) {
    location.replace(next.href);
  }
});
