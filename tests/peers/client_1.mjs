// Lists and calls tools with the 1.x of the official TypeScript SDK, over the transports that 2.x
// left out: node client_1.mjs PARTS URL CALLS; a ws: URL is WebSocket, any other HTTP+SSE.
// CALLS is [[tool, arguments], ...]; prints one JSON object.
import { pathToFileURL } from "node:url";

const [parts, url, calls] = process.argv.slice(2);
const room = `${parts}/@modelcontextprotocol/sdk/dist/esm/client`;
const { Client } = await import(pathToFileURL(`${room}/index.js`));
const { SSEClientTransport } = await import(pathToFileURL(`${room}/sse.js`));
const { WebSocketClientTransport } = await import(pathToFileURL(`${room}/websocket.js`));

const transport = url.startsWith("ws")
  ? new WebSocketClientTransport(new URL(url))
  : new SSEClientTransport(new URL(url));
const client = new Client({ name: "peer", version: "1" });
await client.connect(transport);
const { tools } = await client.listTools();
const answers = [];
const refused = [];
for (const [name, args] of JSON.parse(calls)) {
  const result = await client.callTool({ name, arguments: args });
  answers.push(result.content[0].text);
  refused.push(result.isError === true);
}
const heard = [];
await client.callTool(
  {
    name: "everything__trigger-long-running-operation",
    arguments: { duration: 0.4, steps: 4 },
  },
  undefined,
  { onprogress: ({ progress }) => heard.push(progress) },
);
console.log(JSON.stringify({ tools: tools.map((tool) => tool.name), answers, refused, heard }));
await client.close();
