// Lists and calls tools with the official TypeScript SDK: node client.mjs PARTS TARGET MODE CALLS
// TARGET is a URL, or [[word, ...], environment] of a command to speak to through its stdin and
// stdout; MODE is legacy, auto or a revision; CALLS is [[tool, arguments], ...]; prints one JSON
// object.
import { pathToFileURL } from "node:url";

const [parts, target, mode, calls] = process.argv.slice(2);
const room = `${parts}/@modelcontextprotocol/client/dist`;
const { Client, StreamableHTTPClientTransport } = await import(pathToFileURL(`${room}/index.mjs`));
const { StdioClientTransport } = await import(pathToFileURL(`${room}/stdio.mjs`));

function open() {
  if (!target.startsWith("[")) return new StreamableHTTPClientTransport(new URL(target));
  const [[command, ...args], env] = JSON.parse(target);
  return new StdioClientTransport({ command, args, env });
}

const client = new Client(
  { name: "peer", version: "1" },
  { versionNegotiation: { mode: mode === "legacy" || mode === "auto" ? mode : { pin: mode } } },
);
const transport = open();
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
