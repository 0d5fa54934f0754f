package dev.oxbow.bench;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.CoreOptions;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.FileUtils;

/**
 * A Flink cluster in this process that runs one job after another. Jobs that follow find compiled
 * code; the start of the cluster is in nobody's figures.
 */
final class Cluster implements AutoCloseable {
  private static final Duration OUT_OF_ORDERNESS = Duration.ofSeconds(4);

  private final Options options;
  private final Path directory;
  private final MiniCluster cluster;

  Cluster(Options options) throws Exception {
    this.options = options;
    directory = Files.createTempDirectory("oxbow-bench-flink-");
    cluster =
        new MiniCluster(
            new MiniClusterConfiguration.Builder()
                .setConfiguration(configuration())
                .setNumTaskManagers(1)
                .setNumSlotsPerTaskManager(options.parallelism())
                .build());
    cluster.start();
  }

  /** Runs a query to its end, on the first {@code events} events. */
  Figures.Outcome run(String query, long events, String outputFile) throws Exception {
    CountingSink.ROWS.reset();
    JobGraph job = job(query, events, outputFile);
    cluster.executeJobBlocking(job);
    long checkpoints = completedCheckpoints(job);
    if (outputFile != null) join(outputFile);
    return new Figures.Outcome(CountingSink.ROWS.sum(), checkpoints);
  }

  private JobGraph job(String query, long events, String outputFile) {
    StreamExecutionEnvironment env =
        StreamExecutionEnvironment.getExecutionEnvironment(configuration());
    env.setParallelism(options.parallelism());
    if (options.checkpointIntervalMs() > 0) {
      env.enableCheckpointing(options.checkpointIntervalMs(), CheckpointingMode.EXACTLY_ONCE);
    }
    sink(rows(query, events, env), outputFile);
    return env.getStreamGraph().getJobGraph();
  }

  private static <T extends Tuple> void sink(DataStream<T> rows, String outputFile) {
    rows.sinkTo(new CountingSink<>(outputFile));
  }

  private DataStream<? extends Tuple> rows(
      String query, long count, StreamExecutionEnvironment env) {
    if (MicroCases.has(query)) {
      int keys = options.keys();
      DataStream<Tuple3<Integer, Integer, Long>> records =
          env.fromSource(
              new GeneratorSource<>(count, () -> new KeyedRecords(keys)),
              WatermarkStrategy.<Tuple3<Integer, Integer, Long>>forMonotonousTimestamps()
                  .withTimestampAssigner((record, before) -> record.f2),
              "records",
              Types.TUPLE(Types.INT, Types.INT, Types.LONG));
      return MicroCases.of(query, records);
    }
    DataStream<Event> events =
        env.fromSource(
            new GeneratorSource<>(count, NexmarkEvents::new),
            WatermarkStrategy.<Event>forBoundedOutOfOrderness(OUT_OF_ORDERNESS)
                .withTimestampAssigner((event, before) -> event.timestamp()),
            "events",
            Types.POJO(Event.class));
    return Queries.of(query, events);
  }

  private Configuration configuration() {
    Configuration configuration = new Configuration();
    configuration.set(PipelineOptions.OBJECT_REUSE, true);
    configuration.set(PipelineOptions.GENERIC_TYPES, false);
    configuration.set(StateBackendOptions.STATE_BACKEND, options.backend());
    boolean isRocksDb = options.backend().equals("rocksdb");
    configuration.set(CheckpointingOptions.INCREMENTAL_CHECKPOINTS, isRocksDb);
    String checkpoints = directory.resolve("checkpoints").toUri().toString();
    configuration.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, checkpoints);
    // Else the end of a run waits for the next checkpoint, which is no part of the work.
    configuration.set(CheckpointingOptions.ENABLE_CHECKPOINTS_AFTER_TASKS_FINISH, false);
    // A failure fails the run: a job that was restarted is not what is measured.
    configuration.set(RestartStrategyOptions.RESTART_STRATEGY, "none");
    configuration.set(CoreOptions.TMP_DIRS, directory.toString());
    configuration.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MemorySize.parse("2g"));
    configuration.set(RestOptions.BIND_PORT, "0");
    return configuration;
  }

  private long completedCheckpoints(JobGraph job) throws Exception {
    if (options.checkpointIntervalMs() == 0) return 0;
    return cluster
        .getArchivedExecutionGraph(job.getJobID())
        .get()
        .getCheckpointStatsSnapshot()
        .getCounts()
        .getNumberOfCompletedCheckpoints();
  }

  /** Makes one file of what the subtasks of the sink wrote. */
  private void join(String outputFile) throws IOException {
    try (OutputStream out = Files.newOutputStream(Path.of(outputFile))) {
      for (int subtask = 0; subtask < options.parallelism(); subtask++) {
        Path part = Path.of(outputFile + "." + subtask);
        if (!Files.exists(part)) continue;
        Files.copy(part, out);
        Files.delete(part);
      }
    }
  }

  @Override
  public void close() throws Exception {
    cluster.close();
    FileUtils.deleteDirectoryQuietly(directory.toFile());
  }
}
