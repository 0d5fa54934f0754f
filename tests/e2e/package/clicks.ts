/*
 * A job as a user writes it, for the packed packages: JSON lines in, a keyed count and a tumbling
 * window, files out. It may only run on worker threads.
 *
 * `env.args`: directory of the input, of the output, pause after every `PAUSE_AFTER_COUNT` records
 * in ms (so that there is time to kill it; 0: none).
 */
import { isMainThread } from "node:worker_threads";
import { count, fileSink, files, job, json, sum, t, tumbling } from "oxbow";
import type { Infer } from "oxbow";

const PAUSE_AFTER_COUNT = 500;

const Click = t.struct({ page: t.string, ms: t.int32, at: t.timestamp });
type Click = Infer<typeof Click>;

export default job("clicks", (env) => {
  const [input = "", output = "", pauseMs = "0"] = env.args;
  env.checkpoint({ interval: "50ms" });
  const clicks = env
    .source("clicks", files(`${input}/*.jsonl`, json(Click), { splitBytes: 64 * 1024 }))
    .watermarks({ timestamp: "at", outOfOrderness: "1m" })
    .map(checked(Number(pauseMs)), { type: Click });
  clicks
    .keyBy("page")
    .aggregate("per-page", { clicks: count() })
    .sink("pages", fileSink(`${output}/pages`, json()));
  clicks
    .keyBy("page")
    .window(tumbling("1m"))
    .aggregate("per-minute", { clicks: count(), ms: sum("ms") })
    .sink("minutes", fileSink(`${output}/minutes`, json()));
});

function checked(pauseMs: number): (click: Click) => Click {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  let seenCount = 0;
  return (click) => {
    if (isMainThread) throw new Error("a record on the main thread");
    if (++seenCount % PAUSE_AFTER_COUNT === 0 && pauseMs > 0) Atomics.wait(clock, 0, 0, pauseMs);
    return click;
  };
}
