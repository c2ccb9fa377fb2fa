// Says on standard output, a line for each, how Node.js reads the requests that it gets.
import http from "node:http";

const server = http.createServer((request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    const fields = [];
    for (let i = 0; i < request.rawHeaders.length; i += 2) {
      fields.push([request.rawHeaders[i], request.rawHeaders[i + 1]]);
    }
    const content = Buffer.concat(pieces).toString("latin1");
    console.log(JSON.stringify({ method: request.method, target: request.url, fields, content }));
    response.end();
  });
});
server.on("clientError", (problem, socket) => {
  // That the other side has gone is none of reading.
  if (problem.code.startsWith("HPE_")) console.log(JSON.stringify({ problem: problem.code }));
  socket.destroy();
});
server.listen(Number(process.argv[2]), "127.0.0.1");
