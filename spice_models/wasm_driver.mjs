// Runs netlists in the WebAssembly build of ngspice (npm package eecircuit-engine), one by one.
// Arguments: the engine's module, seconds after which an idle process ends.
// Each line of stdin is a JSON [netlist, rawfile], answered by a line of stdout: a mark and a
// JSON {status, log, last}. Each netlist gets a new instance, which is made ready beforehand.
import { readFileSync, writeFileSync, writeSync } from "node:fs";
import { pathToFileURL } from "node:url";

const MARK = "\u0002";
const MOST_BYTES = 1 << 30; // above it this process ends after its answer, and so gives memory back
const [engine, idleSeconds] = process.argv.slice(2);
let ready; // promise of an instance without a past
let running; // the instance at work
let wasAsked = false;
let idle;

for (const name of ["log", "info", "warn", "error"]) console[name] = () => {}; // copies of the log

function answer(status, more = "", isLast = false) {
  if (!wasAsked) return;
  wasAsked = false;
  const said = running
    ? [running.getInitInfo(), ...running.getError(), running.getInfo(), more]
    : [more];
  running = undefined;
  const last = isLast || process.memoryUsage.rss() > MOST_BYTES;
  const reply = JSON.stringify({ status, log: said.join("\n") + "\n", last });
  for (let text = Buffer.from(MARK + reply + "\n"); text.length; ) {
    try {
      text = text.subarray(writeSync(1, text));
    } catch (error) {
      if (error.code !== "EAGAIN") throw error; // the pipe is full: wait for its reader
    }
  }
  if (last && !isLast) process.exit(0);
}

function fail(error) {
  if (!wasAsked) writeSync(1, `fatal: ${error}\n`);
  answer(1, `fatal: ${error}`, true);
  process.exit(1);
}

function wait() {
  process.stdin.ref();
  ready ??= prepare();
  idle = setTimeout(() => process.exit(0), 1000 * idleSeconds);
  idle.unref();
}

async function prepare() {
  const { Simulation } = await import(pathToFileURL(engine).href);
  const simulation = new Simulation();
  await simulation.start();
  return simulation;
}

async function run(line) {
  clearTimeout(idle);
  process.stdin.unref(); // nothing else is left to do when ngspice stops without a result
  wasAsked = true;
  const [netlist, rawfile] = JSON.parse(line);
  running = await ready;
  ready = undefined;
  running.setNetList(readFileSync(netlist, "utf-8"));
  await running.runSim();
  writeFileSync(rawfile, running.dataRaw);
  answer(0);
  wait();
}

let text = "";
process.stdin.setEncoding("utf-8");
process.stdin.on("data", (chunk) => {
  text += chunk;
  const end = text.indexOf("\n");
  if (end < 0) return;
  const line = text.slice(0, end);
  text = text.slice(end + 1);
  run(line).catch(fail);
});
process.stdin.on("end", () => process.exit(0));
process.on("beforeExit", () => {
  if (!wasAsked) return;
  answer(0);
  wait();
});
process.on("exit", () => answer(0, "", true));
process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);
wait();
ready.catch(fail);
