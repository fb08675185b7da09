import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { MemoryDisk } from '@swarmkit/sdk/testkit/memory-disk';
import { TapeMachine } from '@swarmkit/sdk/testkit/tape-machine';
import { RaftConfig } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { logPolicy } from '../core/log-policy.js';
import { LogRules } from '../shell/log-rules.js';
import { quiet, SingleMember } from './single-member.js';

const said = (snapshotInterval: bigint, keepEntries: bigint, keepOldSnapshots = 0n): RaftConfig =>
  RaftConfig.create({
    snapshotInterval,
    keepOldSnapshots,
    logEntriesForSlowFollowers: keepEntries,
    heartbeatTick: 1,
    electionTick: 10,
  });

class ClusterMachine extends TapeMachine {
  config: RaftConfig | undefined;
  raftConfig = (): RaftConfig | undefined => this.config;
}

describe('how much of the log is kept', () => {
  it('is what the cluster says, else SwarmKit’s defaults; a member’s own word comes first', () => {
    assert.deepEqual(logPolicy({}), { interval: 10_000, keepEntries: 500, keepSnapshots: 0 });
    const cluster = said(20n, 3n, 2n);
    assert.deepEqual(logPolicy({}, cluster), { interval: 20, keepEntries: 3, keepSnapshots: 2 });
    assert.deepEqual(logPolicy({ snapshotInterval: 0, keepEntries: 9 }, cluster), {
      interval: 0,
      keepEntries: 9,
      keepSnapshots: 2,
    });
    assert.equal(logPolicy({}, said(2n ** 64n - 1n, 0n)).interval, Number.MAX_SAFE_INTEGER);
  });

  it('changes while the manager runs', async () => {
    const disk = new MemoryDisk();
    const machine = new ClusterMachine();
    const config = { snapshotInterval: undefined, keepEntries: undefined };
    const member = await new SingleMember(disk.start(), config, machine).lead();
    const kept = (kind: string): number =>
      disk.contents('raft').filter(([key]) => Buffer.from(key).toString('latin1').startsWith(kind))
        .length;
    const write = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) await member.propose('x');
    };
    await write(60);
    assert.equal(kept('snapshot'), 0, 'the defaults take none of so few');
    machine.config = said(10n, 5n, 1n);
    await write(40);
    await member.node.stop();
    assert.equal(kept('snapshot'), 1);
    assert.equal(kept('older'), 1);
    assert.ok(kept('entry/') <= 5 + 10, `${kept('entry/')} entries are left`);
  });

  it('does not touch the ticks: other ones are said, once', () => {
    const machine = new ClusterMachine();
    const warnings: string[] = [];
    const log: Logger = { ...quiet, warn: (_fields, text?: string) => warnings.push(String(text)) };
    const ticks = { electionTicks: 10, heartbeatTicks: 1 };
    const rules = new LogRules(machine, {}, ticks, log);
    machine.config = said(10n, 5n);
    assert.equal(rules.present.interval, 10);
    machine.config = { ...said(11n, 5n), electionTick: 3 };
    assert.equal(rules.present.interval, 11);
    machine.config = { ...said(12n, 5n), electionTick: 3 };
    assert.equal(rules.present.interval, 12);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /says 3 ticks for an election.* keeps 10 and 1/);
  });
});
