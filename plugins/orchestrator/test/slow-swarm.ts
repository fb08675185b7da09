/** A swarm whose orchestrator may change next to nothing in a run, and so has to come back all the time. */
import assert from 'node:assert/strict';
import type { Change } from '@swarmkit/sdk/contracts/store';
import { runStage, type StageRun, StageRunner } from '@swarmkit/sdk/testkit/run-stage';
import { Swarm } from './swarm.js';

const MOST_RUNS = 500;

export class SlowSwarm extends Swarm {
  private slowly = new StageRunner(this.store, this.orchestrator);

  protected override get limit(): number {
    return 2;
  }

  override changeLeader(): void {
    this.slowly = new StageRunner(this.store, this.orchestrator);
  }

  /** Until nothing is left unfinished. */
  override run(): StageRun {
    const changes: Change[] = [];
    for (let runs = 0; runs < MOST_RUNS; runs += 1) {
      const result = this.slowly.run({ now: this.now });
      changes.push(...result.changes);
      if (result.unfinished.length > 0) continue;
      const again = runStage(this.store.fork(), this.orchestrator, { now: this.now });
      assert.deepEqual(again.changes, [], 'another look finds more to do');
      return { ...result, changes };
    }
    throw new Error('it never finishes');
  }
}
