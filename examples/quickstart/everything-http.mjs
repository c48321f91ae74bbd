// Starts server-everything over Streamable HTTP: PORT=7333 node everything-http.mjs
// It listens on every address and has no option for that; here it stays on this machine,
// and it ends when the program that started it does.
import net from "node:net";

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  const ready = rest.filter((each) => typeof each === "function");
  return listen.call(this, { port: Number(port), host: "127.0.0.1" }, ...ready);
};
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
process.argv[2] = "streamableHttp";

const parts = new URL("../../.parts/npm/node_modules/", import.meta.url);
await import(new URL("@modelcontextprotocol/server-everything/dist/index.js", parts));
