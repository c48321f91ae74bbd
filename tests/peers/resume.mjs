// Calls a tool with the official TypeScript SDK while connections break: node resume.mjs PARTS URL
// prints the progress that it heard and the answer as one JSON object.
import { pathToFileURL } from "node:url";

const [parts, url] = process.argv.slice(2);
const room = `${parts}/@modelcontextprotocol/client/dist`;
const { Client, StreamableHTTPClientTransport } = await import(pathToFileURL(`${room}/index.mjs`));

const client = new Client(
  { name: "peer", version: "1" },
  { versionNegotiation: { mode: "legacy" } },
);
client.onerror = () => {};
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
const heard = [];
const result = await client.callTool(
  { name: "s__work", arguments: { size: 5 } },
  { onprogress: ({ progress }) => heard.push(progress), timeout: 20_000 },
);
console.log(JSON.stringify({ heard, answer: result.content[0].text }));
await client.close();
