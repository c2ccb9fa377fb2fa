/*
 * Tells every open page of one host, at once, that the person has been signed out: by whatever cause, wherever.
 *
 * Pages of the proxy itself bring it along. An application behind the proxy uses it on its own host by one element:
 * a script with src="/.pomerium/session_events.js". With the attribute data-signed-in the page says that it was made
 * for a person who is signed in; without it, that is known once the person was seen to be. An application with a
 * Content Security Policy of its own needs 'self' in script-src and in connect-src.
 *
 * On the end of the session window gets the event "pomerium:signed_out", whose detail may have a receipt and a time.
 * An application that calls preventDefault() on it says so in its own way. Otherwise the page is covered by a notice.
 *
 * One page per browser and host holds the connection, under a Web Lock, and tells the others: six connections would
 * block the seventh page over HTTP/1.1. Where a browser has no locks or channels, each page has its own connection.
 */
(() => {
  "use strict";
  const EVENTS = "/.pomerium/session_events";
  const NAME = "pomerium-session-events";
  const RETRY = 5000;
  const script = document.currentScript;
  let wasSignedIn = script !== null && script.hasAttribute("data-signed-in");
  let isSignedOut = false;
  let watch = null;

  // How the service answers now: an EventSource that failed for good does not say.
  function askStatus(signal) {
    const given = new AbortController();
    signal.addEventListener("abort", () => given.abort());
    return fetch(EVENTS, {
      headers: { Accept: "text/event-stream" }, cache: "no-store", redirect: "manual", signal: given.signal,
    }).then((response) => {
      given.abort();
      return response.status;
    }, () => 0);
  }

  class Watch {
    constructor() {
      this.over = new AbortController();
      this.channel = null;
      this.source = null;
      this.timer = 0;
      this.release = () => {};
    }

    get isOver() {
      return this.over.signal.aborted;
    }

    start() {
      try {
        this.channel = new BroadcastChannel(NAME);
        this.channel.onmessage = (message) => signedOut(message.data);
      } catch {
        this.channel = null;
      }
      if (this.channel === null || !navigator.locks) {
        this.connect();
        return;
      }
      const held = () => new Promise((release) => {
        this.release = release;
        this.connect();
      });
      navigator.locks.request(NAME, { signal: this.over.signal }, held).catch(() => this.connect());
    }

    stop() {
      this.over.abort();
      clearTimeout(this.timer);
      if (this.source !== null) this.source.close();
      if (this.channel !== null) this.channel.close();
      this.release();
    }

    connect() {
      if (this.isOver) return;
      const source = this.source = new EventSource(EVENTS);
      source.addEventListener("open", () => { wasSignedIn = true; });
      source.addEventListener("signed_out", (event) => this.tell(JSON.parse(event.data)));
      source.addEventListener("error", () => {
        if (source.readyState === EventSource.CLOSED) this.ask(true);
      });
    }

    // A refusal is for good only if it says so: a service that restarts or is full is asked again.
    async ask(isConnecting) {
      const status = await askStatus(this.over.signal);
      if (this.isOver) return;
      if (status === 401 && wasSignedIn) this.tell({});
      else if (!isConnecting) return;
      else if (status === 401 || status === 403 || status === 404) this.stop();
      else this.timer = setTimeout(() => this.connect(), RETRY * (1 + Math.random()));
    }

    tell(detail) {
      if (this.channel !== null) this.channel.postMessage(detail);
      signedOut(detail);
    }
  }

  function signedOut(detail) {
    if (isSignedOut) return;
    isSignedOut = true;
    watch.stop();
    const event = new CustomEvent("pomerium:signed_out", { cancelable: true, detail });
    if (!window.dispatchEvent(event)) return;
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", cover);
    else cover();
  }

  function element(name, text) {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  }

  function cover() {
    const notice = element("div", "");
    notice.setAttribute("role", "alert");
    // Not by a style sheet: the page's own policy may know of none.
    Object.assign(notice.style, {
      position: "fixed", inset: "0", zIndex: "2147483647", overflow: "auto", padding: "12vh 1.25rem 2rem",
      background: "Canvas", color: "CanvasText", font: "100%/1.55 system-ui, sans-serif",
    });
    for (const child of document.body.children) child.style.setProperty("display", "none", "important");
    document.body.append(notice);
    const again = element("a", "Sign in again");
    again.href = location.href;
    const way = element("p", "");
    way.append(again);
    const inside = element("div", "");
    Object.assign(inside.style, { maxWidth: "38rem", margin: "0 auto" });
    inside.append(
      element("h1", "You were signed out"),
      element("p", "Your session has ended, so this page shows nothing of it any more."),
      way,
    );
    notice.append(inside);
    document.title = "You were signed out";
  }

  function begin() {
    watch = new Watch();
    watch.start();
  }

  // A page that is put aside holds neither a connection nor the lock; when it is taken out again it may be too late.
  window.addEventListener("pagehide", () => watch.stop());
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted || isSignedOut) return;
    begin();
    watch.ask(false);
  });
  begin();
})();
