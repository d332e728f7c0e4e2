// A person with the official Socket.IO client, led from outside: one JSON command a line in, one
// JSON line out for everything that happens. Reconnecting is the library's; `auth` resumes.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const tell = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const have = { token: "", session: "", epoch: "", seq: 0 };
let socket;
let urls = [];

function watch(kind, frame) {
  if (["ready", "resumed", "resync"].includes(kind)) {
    Object.assign(have, { session: frame.session, epoch: frame.epoch, seq: frame.seq });
  } else if (frame && frame.seq !== undefined) {
    have.seq = frame.seq;
  }
  tell({ event: kind, frame });
}

const orders = {
  connect({ to, token, transports }) {
    have.token = token;
    urls = to;
    socket = io(urls[0], {
      transports,
      reconnectionDelay: 10,
      reconnectionDelayMax: 50,
      forceNew: true,
      auth: (done) => done(have.session ? have : { token: have.token }),
    });
    socket.onAny(watch);
    socket.on("connect", () => tell({ connected: socket.io.engine.transport.name }));
    socket.on("connect_error", (error) =>
      tell({
        refused: error.message,
        data: error.data ?? null,
        status: error.description ?? null,
        body: error.context?.responseText ?? null,
      }),
    );
    socket.on("disconnect", (reason) => tell({ disconnected: reason }));
    socket.io.on("reconnect_attempt", () => {
      urls.push(urls.shift());
      socket.io.uri = urls[0];
    });
  },
  emit({ kind, args, number }) {
    if (number === undefined) socket.emit(kind, ...args);
    else socket.emit(kind, ...args, (frame) => tell({ number, frame }));
  },
  binary({ kind, number }) {
    socket.emit(kind, Buffer.from([1, 2, 3]), (frame) => tell({ number, frame }));
  },
  again({ token }) {
    have.token = token;
    socket.connect();
  },
  upgraded() {
    tell({ transport: socket.io.engine.transport.name });
  },
  pause() {
    socket.io.engine.transport.ws._socket.pause();
    tell({ paused: true });
  },
  cut() {
    socket.io.engine.transport.ws.terminate();
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { order, ...rest } = JSON.parse(line);
  orders[order](rest);
}
process.exit(0);
