// Reads what it is given on standard input - a letter, four bytes of length, so many bytes - and says in one line of
// JSON what it has understood: R are HTTP/1.1 requests, U is a URL.
import http from 'node:http';
import { Duplex } from 'node:stream';

const LAST = 'GET /the-last-one HTTP/1.1\r\nHost: last.test\r\n\r\n';
const PATIENCE = 5000;

const server = http.createServer({ maxHeaderSize: 1 << 20, keepAliveTimeout: 0 });
server.maxHeadersCount = 0;
server.maxRequestsPerSocket = 0;

function taken(request) {
  const { method, url: target, rawHeaders: fields } = request;
  return { method, target, fields, content: '' };
}

function take(request, response) {
  const { state } = request.socket;
  if (request.url === '/the-last-one' && request.headers.host === 'last.test') {
    state.done(null);
    return;
  }
  const found = taken(request);
  state.requests.push(found);
  const pieces = [];
  state.open += 1;
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    found.content = Buffer.concat(pieces).toString('latin1');
    response.end();
    state.open -= 1;
    if (state.over && state.open === 0) state.resolve();
  });
}

server.on('request', take);
server.on('checkContinue', take);
server.on('checkExpectation', take);
server.on('upgrade', (request, socket, head) => {
  socket.state.requests.push(taken(request));
  socket.state.done(head.toString('latin1') === LAST ? null : 'more than the handshake');
});
server.on('connect', (request, socket) => socket.state.done('a tunnel'));
server.on('clientError', (error, socket) => socket.state.done(String(error.code)));

function requests(octets) {
  return new Promise((resolve) => {
    const socket = new Duplex({ read() {}, write: (chunk, encoding, written) => written() });
    const state = {
      requests: [],
      open: 0,
      over: false,
      problem: null,
      done(problem) {
        if (state.over) return;
        state.over = true;
        state.problem = problem;
        // Of those before, all have come; not all may have been told of.
        if (state.open === 0 || problem !== null) state.resolve();
      },
      resolve() {
        clearTimeout(timer);
        resolve({ requests: state.requests, problem: state.problem });
        socket.destroy();
      },
    };
    const timer = setTimeout(() => {
      state.problem = 'waits for more';
      state.resolve();
    }, PATIENCE);
    socket.state = state;
    socket.on('error', () => {});
    server.emit('connection', socket);
    socket.push(Buffer.concat([octets, Buffer.from(LAST)]));
  });
}

function origin(octets) {
  try {
    return { origin: new URL(octets.toString('utf8')).origin };
  } catch {
    return { origin: null };
  }
}

let waiting = Buffer.alloc(0);
let turn = Promise.resolve();
process.stdin.on('data', (data) => {
  waiting = Buffer.concat([waiting, data]);
  while (waiting.length >= 5 && waiting.length >= 5 + waiting.readUInt32BE(1)) {
    const kind = waiting.toString('latin1', 0, 1);
    const octets = Buffer.from(waiting.subarray(5, 5 + waiting.readUInt32BE(1)));
    waiting = waiting.subarray(5 + octets.length);
    turn = turn.then(async () => {
      const answer = kind === 'R' ? await requests(octets) : origin(octets);
      process.stdout.write(`${JSON.stringify(answer)}\n`);
    });
  }
});
