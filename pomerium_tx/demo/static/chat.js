"use strict";

const SIGNED_OUT = 4401;
const element = (id) => document.getElementById(id);

function show(text) {
  const log = element("chat-log");
  const line = document.createElement("p");
  line.textContent = text;
  log.append(line);
  log.scrollTop = log.scrollHeight;
}

function alarm(text) {
  const box = element("alarm");
  const line = document.createElement("p");
  const link = document.createElement("a");
  line.textContent = `${text} `;
  link.href = location.href;
  link.textContent = "Open the chat again";
  line.append(link);
  box.replaceChildren(line);
  box.hidden = false;
}

/* The proxy's own script tells every page of it; the code of the closed socket says more. */
window.addEventListener("pomerium:signed_out", (event) => {
  event.preventDefault();
  if (element("alarm").hidden) {
    alarm("You are signed out.");
  }
});

const scheme = location.protocol === "https:" ? "wss" : "ws";
const socket = new WebSocket(`${scheme}://${location.host}/ws`);

socket.addEventListener("open", () => {
  element("chat-state").textContent = "Connected.";
  element("chat-text").disabled = false;
  element("chat-send").disabled = false;
});

socket.addEventListener("message", (event) => {
  const news = JSON.parse(event.data);
  show(news.notice === undefined ? `${news.from}: ${news.text}` : news.notice);
});

socket.addEventListener("close", (event) => {
  element("chat-text").disabled = true;
  element("chat-send").disabled = true;
  element("chat-state").textContent = `Closed (code ${event.code}).`;
  if (event.code === SIGNED_OUT) {
    alarm("You are signed out: the proxy has closed this chat.");
  } else {
    alarm("The connection to the chat was lost.");
  }
});

element("chat-form").addEventListener("submit", (event) => {
  const text = element("chat-text");
  event.preventDefault();
  if (text.value !== "" && socket.readyState === WebSocket.OPEN) {
    socket.send(text.value);
    text.value = "";
  }
  text.focus();
});
