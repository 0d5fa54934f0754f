/* A job for the tests of the command: numbers below `-- <count>`, doubled, printed. */
import { generator, job, print } from "oxbow";

export default job("hello", (env) => {
  const [count = "3"] = env.args;
  const { factor = "2" } = env.properties("hello");
  env
    .source("numbers", generator({ count: Number(count), make: (index) => ({ n: index }) }))
    .map(({ n }) => ({ n: n * Number(factor) }))
    .sink("out", print());
});
