/*
 * The job of the tests of the command; `-- <name>` says what it does. The graph is the same for all
 * that run, except where a broken graph is asked for.
 */
import { readFileSync } from "node:fs";
import { discard, fileSink, files, generator, job, json, print } from "oxbow";

export default job("fixture", (env) => {
  const [name = "print", place = ""] = env.args;
  if (name === "tells") process.stdout.write("building\n");
  const { factor = "2" } = env.properties("fixture");
  switch (name) {
    case "print":
    case "tells":
      return env
        .source("numbers", generator({ count: 3, make: (index) => ({ n: index }) }))
        .map(({ n }) => ({ n: n * Number(factor) }))
        .sink("out", print());
    case "endless":
      return env
        .source("numbers", generator({ ratePerSecond: 100, make: (index) => ({ n: index }) }))
        .sink("out", fileSink(place, json()));
    case "throws":
      return env
        .source("numbers", generator({ count: 10, make: (index) => ({ n: index }) }))
        .map(failAtSeven)
        .sink("out", discard());
    case "stuck":
      return env
        .source("numbers", generator({ count: 10, make: (index) => ({ n: index }) }))
        .map(spin)
        .sink("out", discard());
    case "blocked":
      return env
        .source("numbers", generator({ count: 10, make: (index) => ({ n: index }) }))
        .map((record) => block(record, place))
        .sink("out", discard());
    case "exits":
      return env
        .source("numbers", generator({ count: 10, make: (index) => ({ n: index }) }))
        .map(exitThread)
        .sink("out", discard());
    case "malformed":
      return env.source("lines", files(place, json())).sink("out", discard());
    case "twice":
      env.source("same", generator({ count: 1, make: () => 1 })).sink("same", discard());
      return;
    default:
      throw new RangeError(`no fixture is called ${name}`);
  }
});

function failAtSeven({ n }: { n: number }): { n: number } {
  if (n === 7) throw new RangeError("seven is too much");
  return { n };
}

function spin(record: { n: number }): { n: number } {
  process.stdout.write("spinning\n");
  for (;;) if (Math.min(record.n, 0) > 0) return record;
}

/** Waits in a call to the system: nobody ever writes to the pipe. */
function block(record: { n: number }, pipe: string): { n: number } {
  process.stdout.write("blocked\n");
  readFileSync(pipe);
  return record;
}

/** Ends the worker thread that it runs on, as running out of memory does. */
function exitThread(record: { n: number }): { n: number } {
  process.exit(9);
  return record;
}
