// Runs one netlist in the WebAssembly build of ngspice (npm package eecircuit-engine).
// Arguments: the engine's module, the netlist, the rawfile to write. The log goes to stdout.
import { readFileSync, writeFileSync, writeSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [engine, netlist, rawfile] = process.argv.slice(2);
let simulation;

// ngspice that writes no result leaves runSim waiting for ever; Node then exits by itself.
process.once("exit", () => {
  if (!simulation) return;
  const log = [simulation.getInitInfo(), ...simulation.getError(), simulation.getInfo()];
  for (let text = Buffer.from(log.join("\n") + "\n"); text.length; ) {
    try {
      text = text.subarray(writeSync(1, text));
    } catch (error) {
      if (error.code !== "EAGAIN") throw error; // the pipe is full: wait for its reader
    }
  }
  if (process.exitCode === 13) process.exitCode = 0;
});

try {
  const { Simulation } = await import(pathToFileURL(engine).href);
  console.error = () => {}; // the engine's copy of what its log holds
  simulation = new Simulation();
  await simulation.start();
  simulation.setNetList(readFileSync(netlist, "utf-8"));
  await simulation.runSim();
  writeFileSync(rawfile, simulation.dataRaw);
} catch (error) {
  writeSync(1, `fatal: ${error}\n`);
  process.exitCode = 1;
}
