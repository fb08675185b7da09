import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Consensus, Leadership } from '@swarmkit/sdk/contracts/consensus';
import { REDIRECT } from '@swarmkit/sdk/model/forwarded-call';
import { staleRead } from '@swarmkit/sdk/model/stale-read';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { BehaviorSubject } from 'rxjs';
import { LeaderGate } from '../shell/leader-gate.js';

const none: Leadership = { term: 0n, leading: false, leaderId: 0n };

class Rig {
  /** Questions to the group that wait for their answer. */
  readonly asked: { resolve(index: bigint): void; reject(error: Error): void }[] = [];
  readonly env = new VirtualEnv('gate');
  readonly leadership$ = new BehaviorSubject(none);
  readonly caller = new AbortController();
  readonly consensus = {
    raftId: 7n,
    appliedIndex: 0n,
    others: 2,
    isMember: true,
    members: () =>
      Array.from({ length: 1 + this.consensus.others }, (_, i) => ({
        raftId: 7n + BigInt(i),
      })).slice(this.consensus.isMember ? 0 : 1),
    leadership$: this.leadership$,
    leadership: () => this.leadership$.value,
  };
  private readonly gate = new LeaderGate(this.consensus as unknown as Consensus, this.env.clock, {
    readIndex: () =>
      new Promise((resolve, reject) => {
        this.asked.push({ resolve, reject });
      }),
  });

  constructor() {
    this.leadership$.subscribe((now) => this.gate.saw(now));
  }

  pass(
    exposure: 'control' | 'remote' = 'control',
    method = 'UpdateNode',
    isPassedOn = false,
    more = {},
  ) {
    const passing = { outcome: 'waits' };
    const metadata = new Map(
      Object.entries({ ...(isPassedOn ? { [REDIRECT]: 'manager' } : {}), ...more }),
    );
    const path = `/docker.swarmkit.v1.Control/${method}`;
    void this.gate.pass({ exposure, signal: this.caller.signal, path, metadata }).then(
      () => {
        passing.outcome = 'passed';
      },
      (error: Error) => {
        passing.outcome = error.message;
      },
    );
    return passing;
  }

  async settle(ms = 0): Promise<void> {
    await this.env.clock.advance(ms);
  }
}

describe('calls on the control socket', () => {
  it('wait until this member leads and has caught up', async () => {
    const rig = new Rig();
    const early = rig.pass();
    await rig.settle(5_000);
    // Elected, but what was acknowledged before a crash is not applied yet.
    rig.leadership$.next({ term: 3n, leading: false, leaderId: 7n });
    await rig.settle();
    assert.equal(early.outcome, 'waits');
    rig.leadership$.next({ term: 3n, leading: true, leaderId: 7n });
    await rig.settle();
    assert.equal(early.outcome, 'passed');
    const late = rig.pass();
    await rig.settle();
    assert.equal(late.outcome, 'passed');
  });

  it('are not answered by a member that has not read its log', async () => {
    const rig = new Rig();
    rig.consensus.others = 0;
    rig.consensus.raftId = 0n;
    const read = rig.pass('control', 'GetConfig');
    await rig.settle();
    assert.equal(read.outcome, 'waits');
  });

  it('are confirmed by the one that is left of a group, where this leader removed itself', async () => {
    const rig = new Rig();
    rig.consensus.others = 1;
    rig.consensus.isMember = false;
    rig.leadership$.next({ term: 3n, leading: true, leaderId: 7n });
    const read = rig.pass('control', 'GetConfig');
    await rig.settle();
    assert.equal(read.outcome, 'waits');
    assert.equal(rig.asked.length, 1);
    rig.asked[0]?.reject(new Error('another manager has come to lead'));
    await rig.settle();
    assert.equal(read.outcome, 'another manager has come to lead');
  });

  it('are refused after 10 s without a leader', async () => {
    const rig = new Rig();
    const call = rig.pass();
    await rig.settle(9_999);
    assert.equal(call.outcome, 'waits');
    await rig.settle(1);
    assert.match(call.outcome, /^The swarm does not have a leader\./);
  });

  it('pass a leader that cannot write for now, and not one that was deposed', async () => {
    const rig = new Rig();
    rig.leadership$.next({ term: 3n, leading: true, leaderId: 7n });
    rig.leadership$.next({ term: 3n, leading: false, leaderId: 7n });
    const reading = rig.pass();
    await rig.settle();
    assert.equal(reading.outcome, 'passed');
    rig.leadership$.next({ term: 4n, leading: false, leaderId: 9n });
    const deposed = rig.pass();
    await rig.settle();
    assert.equal(deposed.outcome, 'waits');
    // Elected again, but behind.
    rig.leadership$.next({ term: 5n, leading: false, leaderId: 7n });
    await rig.settle();
    assert.equal(deposed.outcome, 'waits');
  });

  it('leave nothing behind when their caller goes', async () => {
    const rig = new Rig();
    const call = rig.pass();
    await rig.settle();
    rig.caller.abort();
    await rig.settle();
    assert.match(call.outcome, /aborted/);
    await rig.settle(20_000);
    assert.match(call.outcome, /aborted/);
  });
});

describe('reads', () => {
  const leading = (): Rig => {
    const rig = new Rig();
    rig.leadership$.next({ term: 3n, leading: true, leaderId: 7n });
    return rig;
  };

  it('wait until a majority says that this member leads still, and what they must show is applied', async () => {
    for (const exposure of ['control', 'remote'] as const) {
      const rig = leading();
      const read = rig.pass(exposure, 'GetConfig', exposure === 'remote');
      await rig.settle(100);
      assert.equal(read.outcome, 'waits');
      rig.asked[0]?.resolve(5n);
      await rig.settle(100);
      assert.equal(read.outcome, 'waits');
      rig.consensus.appliedIndex = 5n;
      await rig.settle(100);
      assert.equal(read.outcome, 'passed');
    }
  });

  it('are refused where nobody says so', async () => {
    const rig = leading();
    const read = rig.pass('control', 'ListServices');
    await rig.settle();
    rig.asked[0]?.reject(new Error('no majority'));
    await rig.settle();
    assert.equal(read.outcome, 'no majority');
  });

  it('ask nobody where a leader is alone, and do where a member has not read its log yet', async () => {
    const rig = leading();
    rig.consensus.others = 0;
    const alone = rig.pass('control', 'GetConfig');
    await rig.settle();
    assert.equal(alone.outcome, 'passed');
    rig.leadership$.next({ term: 4n, leading: false, leaderId: 9n });
    const passedOn = rig.pass('remote', 'GetConfig', true);
    await rig.settle();
    assert.deepEqual([passedOn.outcome, rig.asked.length], ['waits', 1]);
  });

  it('are the only calls that ask', async () => {
    const rig = leading();
    const write = rig.pass('control', 'UpdateConfig');
    const direct = rig.pass('remote', 'GetConfig');
    await rig.settle();
    assert.deepEqual([write.outcome, direct.outcome, rig.asked.length], ['passed', 'passed', 0]);
  });
});

describe('stale reads', () => {
  it('are answered at once by whoever is asked, and writes never are', async () => {
    const rig = new Rig();
    const read = rig.pass('control', 'ListServices', false, staleRead);
    const write = rig.pass('control', 'UpdateService', false, staleRead);
    await rig.settle();
    assert.deepEqual([read.outcome, write.outcome, rig.asked.length], ['passed', 'waits', 0]);
  });
});

describe('calls of other nodes', () => {
  it('are answered from what this member has', async () => {
    const rig = new Rig();
    const call = rig.pass('remote');
    await rig.settle();
    assert.equal(call.outcome, 'passed');
  });
});
