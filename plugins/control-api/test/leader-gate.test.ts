import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Consensus, Leadership } from '@swarmkit/sdk/contracts/consensus';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { BehaviorSubject } from 'rxjs';
import { LeaderGate } from '../shell/leader-gate.js';

const none: Leadership = { term: 0n, leading: false, leaderId: 0n };

class Rig {
  readonly env = new VirtualEnv('gate');
  readonly leadership$ = new BehaviorSubject(none);
  readonly caller = new AbortController();
  private readonly gate = new LeaderGate(
    {
      raftId: 7n,
      leadership$: this.leadership$,
      leadership: () => this.leadership$.value,
    } as unknown as Consensus,
    this.env.clock,
  );

  constructor() {
    this.leadership$.subscribe((now) => this.gate.saw(now));
  }

  pass(exposure: 'control' | 'remote' = 'control') {
    const passing = { outcome: 'waits' };
    void this.gate.pass({ exposure, signal: this.caller.signal }).then(
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

describe('calls of other nodes', () => {
  it('are answered from what this member has', async () => {
    const rig = new Rig();
    const call = rig.pass('remote');
    await rig.settle();
    assert.equal(call.outcome, 'passed');
  });
});
