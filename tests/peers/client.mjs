// Lists and calls tools with the official TypeScript SDK: node client.mjs PARTS URL MODE CALLS
// MODE is legacy, auto or a revision; CALLS is [[tool, arguments], ...]; prints one JSON object.
import { pathToFileURL } from "node:url";

const [parts, url, mode, calls] = process.argv.slice(2);
const entry = pathToFileURL(`${parts}/@modelcontextprotocol/client/dist/index.mjs`);
const { Client, StreamableHTTPClientTransport } = await import(entry);

const client = new Client(
  { name: "peer", version: "1" },
  { versionNegotiation: { mode: mode === "legacy" || mode === "auto" ? mode : { pin: mode } } },
);
const transport = new StreamableHTTPClientTransport(new URL(url));
await client.connect(transport);
const { tools } = await client.listTools();
const answers = [];
const refused = [];
for (const [name, args] of JSON.parse(calls)) {
  const result = await client.callTool({ name, arguments: args });
  answers.push(result.content[0].text);
  refused.push(result.isError === true);
}
const revision = client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion;
console.log(JSON.stringify({ revision, tools: tools.map((tool) => tool.name), answers, refused }));
await client.close();
