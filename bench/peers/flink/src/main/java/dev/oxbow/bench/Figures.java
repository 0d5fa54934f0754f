package dev.oxbow.bench;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/**
 * What a run came to.
 *
 * @param cpuMs of all threads of the process, the collector's and the compiler's too
 * @param peakRssMb of the process since it began, -1 where the system does not tell
 */
record Figures(double wallMs, double cpuMs, Outcome outcome, double peakRssMb) {
  private static final double NS_PER_MS = 1e6;
  private static final Path STATUS = Path.of("/proc/self/status");

  /** Rows that came out, and checkpoints that were completed. */
  record Outcome(long outputs, long checkpoints) {}

  /** What is measured. */
  interface Run {
    Outcome run() throws Exception;
  }

  static Figures measure(Run run) throws Exception {
    OperatingSystemMXBean system =
        (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    // What the run before left behind is not this run's to collect.
    System.gc();
    long cpu = system.getProcessCpuTime();
    long start = System.nanoTime();
    Outcome outcome = run.run();
    double wallMs = (System.nanoTime() - start) / NS_PER_MS;
    double cpuMs = (system.getProcessCpuTime() - cpu) / NS_PER_MS;
    return new Figures(wallMs, cpuMs, outcome, readPeakRssMb());
  }

  String json(String flinkVersion) {
    return String.format(
        Locale.ROOT,
        "{\"wallMs\":%.1f,\"cpuMs\":%.1f,\"outputs\":%d,\"checkpoints\":%d,\"peakRssMb\":%.1f,"
            + "\"flinkVersion\":\"%s\"}",
        wallMs,
        cpuMs,
        outcome.outputs,
        outcome.checkpoints,
        peakRssMb,
        flinkVersion);
  }

  private static double readPeakRssMb() throws IOException {
    if (!Files.exists(STATUS)) return -1;
    for (String line : Files.readAllLines(STATUS)) {
      if (!line.startsWith("VmHWM:")) continue;
      return Long.parseLong(line.replaceAll("\\D", "")) * 1024 / 1e6;
    }
    return -1;
  }
}
