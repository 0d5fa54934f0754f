package dev.oxbow.bench;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What to run.
 *
 * @param queries names of queries or micro cases, or only "generator"
 * @param keys of micro cases
 * @param checkpointIntervalMs 0: no checkpoints
 * @param backend hashmap or rocksdb
 * @param warmup events of the run that is not measured, 0: none
 * @param output where rows are written, null: nowhere
 */
record Options(
    List<String> queries,
    long events,
    int keys,
    int parallelism,
    long checkpointIntervalMs,
    String backend,
    long warmup,
    String output) {
  private static final Set<String> NAMES =
      Set.of(
          "query",
          "events",
          "keys",
          "parallelism",
          "checkpoint-interval",
          "backend",
          "warmup",
          "output");

  /** Reads `--name value` from {@code args[from]} on. */
  static Options parse(String[] args, int from) {
    Map<String, String> values = new HashMap<>();
    for (int at = from; at < args.length; at += 2) {
      String name = args[at].startsWith("--") ? args[at].substring(2) : args[at];
      if (!NAMES.contains(name)) throw new IllegalArgumentException("no option " + args[at]);
      if (at + 1 == args.length) throw new IllegalArgumentException(args[at] + " needs a value");
      values.put(name, args[at + 1]);
    }
    String queries = values.get("query");
    if (queries == null) throw new IllegalArgumentException("--query is missing");
    String backend = values.getOrDefault("backend", "hashmap");
    if (!Set.of("hashmap", "rocksdb").contains(backend)) {
      throw new IllegalArgumentException("--backend is hashmap or rocksdb, not " + backend);
    }
    return new Options(
        List.of(queries.split(",")),
        Long.parseLong(values.getOrDefault("events", "1000000")),
        Integer.parseInt(values.getOrDefault("keys", "10000")),
        Integer.parseInt(values.getOrDefault("parallelism", "1")),
        Long.parseLong(values.getOrDefault("checkpoint-interval", "0")),
        backend,
        Long.parseLong(values.getOrDefault("warmup", "0")),
        values.get("output"));
  }
}
