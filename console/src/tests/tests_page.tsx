/** For tests: what goes wrong on purpose, which rates hold, and what time it is. */
import { Clock } from "./clock";
import { Faults } from "./faults";
import { Limits } from "./limits";

export function TestsPage() {
  return (
    <section>
      <header class="page-head"><h1>Tests</h1></header>
      <Clock />
      <Faults />
      <Limits />
    </section>
  );
}
