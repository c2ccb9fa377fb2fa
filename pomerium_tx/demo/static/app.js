"use strict";

const element = (id) => document.getElementById(id);

/* Says, in a way that is seen and heard, what has happened. */
function show(text, isSignedOut) {
  const box = element("alarm");
  const line = document.createElement("p");
  line.textContent = `${text} `;
  if (isSignedOut && box.querySelector("a") === null) {
    const link = document.createElement("a");
    link.href = location.href;
    link.textContent = "Sign in again";
    line.append(link);
  }
  box.append(line);
  box.hidden = false;
}

/* Something was cut: why, as far as can be known. */
async function alarm(what) {
  let why = "The proxy cannot be reached.";
  let isSignedOut = false;
  try {
    const answer = await fetch("/.pomerium/user", { cache: "no-store" });
    isSignedOut = answer.status === 401;
    why = isSignedOut ? "You are signed out." : "You are still signed in.";
  } catch (unreachable) {
    /* why already says it */
  }
  show(`${what} ${why}`, isSignedOut);
}

/* The proxy's own script tells every page of it; this page says it itself, and goes on showing what was cut. */
window.addEventListener("pomerium:signed_out", (event) => {
  event.preventDefault();
  show("You are signed out.", true);
});

element("events-open").addEventListener("click", () => {
  const button = element("events-open");
  const state = element("events-state");
  const last = element("events-last");
  const source = new EventSource("/events");
  button.disabled = true;
  state.textContent = "Opening...";
  source.addEventListener("open", () => {
    state.textContent = "Open.";
  });
  source.addEventListener("message", (event) => {
    const told = JSON.parse(event.data);
    last.textContent = `Event ${told.count} at ${told.time}`;
  });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) {
      button.disabled = false;
      state.textContent = "Cut.";
      alarm("The event stream was cut.");
    } else {
      state.textContent = "Interrupted, trying again...";
    }
  });
});

element("download-open").addEventListener("click", async () => {
  const button = element("download-open");
  const state = element("download-state");
  const last = element("download-last");
  let received = 0;
  button.disabled = true;
  state.textContent = "Receiving...";
  try {
    const answer = await fetch("/download", { cache: "no-store" });
    if (!answer.ok) {
      throw new Error(String(answer.status));
    }
    const reader = answer.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        break;
      }
      received += value.length;
      last.textContent = `${received.toLocaleString()} bytes`;
    }
    state.textContent = "Ended.";
  } catch (broken) {
    state.textContent = "Cut.";
    alarm(`The download was cut after ${received.toLocaleString()} bytes.`);
  }
  button.disabled = false;
});
