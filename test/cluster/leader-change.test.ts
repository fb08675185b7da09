/**
 * What a change of the leader means for nodes, through the real plugins on the simulator's virtual time:
 * nobody is DOWN before a full grace period has passed under the new leader, however long it was silent
 * under the old one, and who is really gone is DOWN soon after.
 */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { Member } from '@swarmkit/sdk/contracts/consensus';
import { NodeStatus_State } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { takeOverImmediates } from '../sim/engine/schedule.js';
import { takeOverCombinedSignals } from '../sim/engine/signals.js';
import { plugins } from '../sim/plugins.js';
import type { Machine } from '../sim/world/machine.js';
import { World } from '../sim/world/world.js';

const { READY, DOWN, UNKNOWN } = NodeStatus_State;
const HEARTBEAT_MS = 5_000;
/** Three periods for whom the leader has heard, six for whom a new one has not. */
const GRACE_MS = 3 * HEARTBEAT_MS;
const FIRST_GRACE_MS = 6 * HEARTBEAT_MS;
/** Clocks drift by at most a hundredth either way. */
const DRIFT = 0.02;
const BOOT_MS = 60_000;

let world: World | undefined;
takeOverImmediates(() => world?.schedule);
takeOverCombinedSignals();
after(() => {
  world = undefined;
});

/** Three managers, three agents, all nodes READY. */
async function settled(seed: string): Promise<World> {
  const made = new World({
    seed,
    managers: 3,
    agents: 3,
    managersRunTasks: false,
    raft: { timing: 'fast', snapshotInterval: 50, keepEntries: 5 },
    isMixed: false,
    plugins,
    compareEvery: 20n,
  });
  world = made;
  for (const machine of made.machines) made.start(machine);
  assert.ok(await made.until(BOOT_MS, () => made.leader !== undefined), 'nobody leads');
  made.admit();
  const isReady = (): boolean =>
    made.isWhole && allVote(made) && agentsOf(made).every((one) => is(made, one, READY));
  assert.ok(await made.until(BOOT_MS, isReady), 'not all nodes are READY');
  return made;
}

const agentsOf = ({ machines }: World): readonly Machine[] =>
  machines.filter(({ isManager }) => !isManager);

/** One that has no vote yet does not make up for a manager that is killed. */
const allVote = ({ leader }: World): boolean => {
  const consensus = leader?.consensus as unknown as
    | { members(): readonly Member[]; isVoter(raftId: bigint): boolean }
    | undefined;
  return consensus?.members().every(({ raftId }) => consensus.isVoter(raftId)) ?? false;
};

const is = ({ leader }: World, { options }: Machine, state: NodeStatus_State): boolean =>
  leader?.store?.view().get('node', options.nodeId)?.status?.state === state;

describe('when the leader changes', () => {
  for (const [what, silentMs] of [
    ['at the same moment', 0],
    ['when its time was almost up', GRACE_MS * (1 - DRIFT) - 500],
  ] as const)
    it(`one that fell silent ${what} has a full grace period, and the others are not touched`, async () => {
      const here = await settled(`leader change, ${what}`);
      const [silent, ...others] = agentsOf(here);
      const old = here.leader;
      assert.ok(silent && old);
      here.crash(silent, true);
      if (silentMs > 0) await here.pass(silentMs);
      assert.ok(!is(here, silent, DOWN), 'it is DOWN under the old leader already');
      here.crash(old, false);
      assert.ok(
        await here.until(BOOT_MS, () => here.leader !== undefined && here.leader !== old),
        'nobody leads',
      );
      const begun = here.schedule.now;
      let wasUnknown = false;
      let downAt: number | undefined;
      const touched = new Set<string>();
      await here.until(3 * FIRST_GRACE_MS, () => {
        wasUnknown ||= is(here, silent, UNKNOWN);
        if (is(here, silent, DOWN)) downAt ??= here.schedule.now;
        for (const one of others) if (is(here, one, DOWN)) touched.add(one.name);
        return downAt !== undefined;
      });
      assert.deepEqual(here.verdict.broken, []);
      assert.ok(wasUnknown, 'it was UNKNOWN first');
      const tookMs = (downAt ?? Number.NaN) - begun;
      assert.ok(tookMs >= FIRST_GRACE_MS * (1 - DRIFT), `DOWN after ${tookMs} ms`);
      assert.ok(tookMs <= FIRST_GRACE_MS * (1 + DRIFT) + 2_000, `DOWN after ${tookMs} ms`);
      assert.deepEqual([...touched], []);
      for (const one of others) assert.ok(is(here, one, READY), one.name);
    });

  it('nobody is DOWN who comes back within the grace period, through three leaders', async () => {
    const here = await settled('leader change, three times');
    const touched = new Set<string>();
    const watch = (): boolean => {
      for (const one of agentsOf(here)) if (is(here, one, DOWN)) touched.add(one.name);
      return false;
    };
    for (let round = 0; round < 3; round++) {
      const old = here.leader;
      assert.ok(old);
      here.crash(old, false);
      assert.ok(
        await here.until(BOOT_MS, () => here.leader !== undefined && here.leader !== old),
        'nobody leads',
      );
      await here.until(FIRST_GRACE_MS * 1.5, watch);
      assert.ok(agentsOf(here).every((one) => is(here, one, READY)));
      here.start(old);
      await here.until(BOOT_MS, () => here.isWhole && allVote(here));
    }
    assert.deepEqual([...touched], []);
    assert.deepEqual(here.verdict.broken, []);
  });
});
