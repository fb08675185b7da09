import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryDisk } from '@swarmkit/sdk/testkit/memory-disk';
import { TapeMachine } from '@swarmkit/sdk/testkit/tape-machine';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import fc from 'fast-check';
import { SingleMember } from './single-member.js';

const CONFIG = { snapshotInterval: 7, keepEntries: 2 };

type Step =
  | { readonly propose: number }
  | { readonly turns: number }
  | { readonly crash: number }
  | { readonly disk: 'hold' | 'release' | 'full' | 'room' }
  | { readonly restart: true };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ propose: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 6, arbitrary: fc.record({ turns: fc.integer({ min: 1, max: 8 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({ disk: fc.constantFrom('hold', 'release', 'full', 'room') }),
  },
  { weight: 2, arbitrary: fc.record({ crash: fc.nat({ max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ restart: fc.constant(true as const) }) },
);

/** A node whose disk hangs, fills up and loses what was not synced, and which is killed in between. */
class Life {
  private readonly disk = new MemoryDisk();
  private readonly env = new VirtualEnv('life');
  private member: SingleMember | undefined;
  private proposed = 0;
  private readonly acknowledged: string[] = [];
  /** What was applied when last looked at: on the disk already, so no crash takes it back. */
  private history: readonly string[] = [];

  async start(): Promise<void> {
    this.member = new SingleMember(this.disk.start(), CONFIG, new TapeMachine(), this.env);
    await this.member.start();
    await this.env.clock.until(() => this.running.node.leadership().leading);
    this.check();
  }

  async take(one: Step): Promise<void> {
    const { member, disk } = this;
    if ('propose' in one)
      for (let i = 0; i < one.propose; i++) {
        const text = `p${this.proposed++}`;
        const settled = member?.propose(text);
        settled?.then(() => this.acknowledged.push(text)).catch(() => {});
      }
    else if ('turns' in one) await this.turn(one.turns);
    else if ('crash' in one) {
      disk.crash(one.crash);
      this.heal();
      await this.start();
    } else if ('restart' in one) {
      this.heal();
      await this.running.node.stop();
      await disk.stop();
      await this.start();
    } else if (one.disk === 'hold') disk.hold();
    else if (one.disk === 'release') disk.release();
    else disk.full = one.disk === 'full';
  }

  async end(): Promise<void> {
    this.heal();
    await this.env.clock.until(() => this.running.node.leadership().leading);
    await this.running.propose('the end');
    assert.equal(this.running.machine.tape.at(-1), 'the end');
    this.check();
    assert.deepEqual(this.running.faults, []);
    await this.running.node.stop();
  }

  private get running(): SingleMember {
    assert.ok(this.member);
    return this.member;
  }

  private heal(): void {
    this.disk.full = false;
    this.disk.release();
  }

  private async turn(times: number): Promise<void> {
    for (let i = 0; i < times; i++) await this.env.clock.advance(60);
  }

  private check(): void {
    const { tape } = this.running.machine;
    const found = new Set(tape);
    assert.equal(found.size, tape.length, 'applied twice');
    for (const text of this.acknowledged) assert.ok(found.has(text), `${text} is lost`);
    assert.deepEqual(tape.slice(0, this.history.length), this.history, 'history changed');
    const order = tape.filter((text) => text.startsWith('p')).map((text) => Number(text.slice(1)));
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
    );
    this.history = [...tape];
  }
}

describe('a node with a bad disk and a short life', () => {
  it('loses nothing that it acknowledged, applies nothing twice, and comes back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const life = new Life();
        await life.start();
        for (const one of steps) await life.take(one);
        await life.end();
      }),
      { numRuns: 80 },
    );
  });
});
