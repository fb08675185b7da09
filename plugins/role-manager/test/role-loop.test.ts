import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Member } from '@swarmkit/sdk/contracts/consensus';
import type { Membership } from '@swarmkit/sdk/contracts/membership';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aNode } from '@swarmkit/sdk/testkit/fixtures';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { NodeRole } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { NEVER } from 'rxjs';
import { RoleLoop } from '../shell/role-loop.js';

const { MANAGER, WORKER } = NodeRole;
const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} };

class Rig {
  readonly env = new VirtualEnv('roles');
  readonly store = new FakeStore();
  members: Member[] = [];
  removals = 0;
  transfers = 0;
  refuse = false;
  removable = true;
  private readonly ending = new AbortController();
  readonly loop: RoleLoop;
  private running: Promise<void> = Promise.resolve();

  constructor() {
    const membership: Membership = {
      members: () => this.members,
      members$: NEVER,
      removed: () => [],
      add: () => Promise.reject(new Error('not here')),
      remove: async (raftId) => {
        this.removals++;
        if (this.refuse) throw new Error('not now');
        this.members = this.members.filter((member) => member.raftId !== raftId);
      },
      canRemove: () => this.removable,
      transferLeadership: async () => {
        this.transfers++;
      },
      readIndex: async () => 0n,
    };
    this.loop = new RoleLoop({
      store: this.store,
      consensus: { raftId: 1n },
      membership,
      clock: this.env.clock,
      log: quiet,
    });
    this.store.commits$.subscribe(() => this.loop.look());
  }

  node(id: string, desiredRole: NodeRole, role: NodeRole, raftId?: bigint): this {
    this.store.updateNow({ id: 'test', writes: ['any'] }, (draft) =>
      draft.create('node', aNode({ id, role, spec: { desiredRole } })),
    );
    if (raftId !== undefined)
      this.members.push({ nodeId: id, raftId, address: 'x:1', reachable: true, votes: true });
    return this;
  }

  role(id: string): NodeRole | undefined {
    return this.store.view().get('node', id)?.role;
  }

  start(): this {
    this.running = this.loop.run(this.ending.signal);
    return this;
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.running;
  }
}

describe('the loop of roles', () => {
  it('promotes and demotes', async () => {
    const rig = new Rig()
      .node('a', MANAGER, MANAGER, 1n)
      .node('b', MANAGER, WORKER)
      .node('c', WORKER, MANAGER, 3n)
      .start();
    await rig.env.clock.until(() => rig.role('b') === MANAGER && rig.role('c') === WORKER);
    assert.equal(rig.removals, 1);
    await rig.stop();
  });

  it('tries again after 5 s what failed, and at once what changed', async () => {
    const rig = new Rig().node('a', MANAGER, MANAGER, 1n).node('c', WORKER, MANAGER, 3n);
    rig.refuse = true;
    rig.start();
    await rig.env.clock.until(() => rig.removals === 3);
    assert.equal(rig.env.clock.monotonic(), 10_000);
    rig.refuse = false;
    rig.loop.look();
    await rig.env.clock.until(() => rig.role('c') === WORKER);
    assert.equal(rig.env.clock.monotonic(), 10_000);
    await rig.stop();
  });

  it('waits while there would be no majority', async () => {
    const rig = new Rig().node('a', MANAGER, MANAGER, 1n).node('c', WORKER, MANAGER, 3n);
    rig.removable = false;
    rig.start();
    await rig.env.clock.advance(60_000);
    assert.equal(rig.removals, 0);
    assert.equal(rig.role('c'), MANAGER);
    rig.removable = true;
    await rig.env.clock.until(() => rig.role('c') === WORKER);
    await rig.stop();
  });

  it('hands over where it is itself to go', async () => {
    const rig = new Rig().node('a', WORKER, MANAGER, 1n).node('b', MANAGER, MANAGER, 2n).start();
    await rig.env.clock.until(() => rig.transfers === 1);
    assert.equal(rig.role('a'), MANAGER);
    await rig.stop();
  });

  it('puts out at its start what is a member without a node', async () => {
    const rig = new Rig().node('a', MANAGER, MANAGER, 1n);
    rig.members.push({ nodeId: 'gone', raftId: 2n, address: 'x:1', reachable: false, votes: true });
    rig.start();
    await rig.env.clock.until(() => rig.members.length === 1);
    assert.equal(rig.members[0]?.nodeId, 'a');
    await rig.stop();
  });

  it('puts out a member when its node is deleted', async () => {
    const rig = new Rig().node('a', MANAGER, MANAGER, 1n).node('b', MANAGER, MANAGER, 2n).start();
    await rig.env.clock.advance(1_000);
    assert.equal(rig.removals, 0);
    rig.store.updateNow({ id: 'test', writes: ['any'] }, (draft) => draft.remove('node', 'b'));
    await rig.env.clock.until(() => rig.members.length === 1);
    assert.equal(rig.removals, 1);
    await rig.stop();
  });

  it('promotes without a word to the group', async () => {
    const rig = new Rig().node('a', MANAGER, MANAGER, 1n).node('b', MANAGER, WORKER).start();
    await rig.env.clock.until(() => rig.role('b') === MANAGER);
    assert.equal(rig.members.length, 1);
    assert.equal(rig.removals, 0);
    await rig.stop();
  });

  it('rests when there is nothing to do', async () => {
    const rig = new Rig().node('a', MANAGER, MANAGER, 1n).start();
    await rig.env.clock.advance(1_000);
    assert.equal(rig.env.clock.armed, 0);
    await rig.stop();
  });
});
