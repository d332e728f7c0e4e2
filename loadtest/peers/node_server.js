// Echo and fan-out on Node's ws and socket.io, for `make bench`; the port is written to stdout.
// What each must do: send a text frame back, and on `go N` send N events to every socket.
const http = require("node:http");

const EVENT =
  '{"type":"reply.delta","room":"r_bench","reply":"m_1","offset":0,' +
  '"text":"ten words that a companion might well say to you ","cost_microcredits":0}';
const server = http.createServer();

function paced(count, send) {
  if (count <= 0) return;
  send();
  setTimeout(() => paced(count - 1, send), 5);
}

const kinds = {
  "node-ws"() {
    const { WebSocketServer } = require("ws");
    const door = new WebSocketServer({ server, perMessageDeflate: false });
    door.on("connection", (socket) => {
      socket.on("message", (data) => {
        const text = data.toString();
        if (!text.startsWith("go ")) return socket.send(text);
        paced(Number(text.slice(3)), () => {
          for (const one of door.clients) one.send(EVENT);
        });
      });
    });
  },
  "node-socketio"() {
    const { Server } = require("socket.io");
    const door = new Server(server, { perMessageDeflate: false });
    door.on("connection", (socket) => {
      socket.on("echo", (data) => socket.emit("echo", data));
      socket.on("go", (count) => {
        paced(count, () => door.emit("delta", EVENT));
      });
    });
  },
};

kinds[process.argv[2]]();
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
