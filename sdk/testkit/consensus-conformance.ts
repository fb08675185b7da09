/**
 * What every Consensus must keep, as tests, for a group of one: the contract says nothing that a group of
 * one could not show, except what becomes of a leader that loses its followers.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { filter, firstValueFrom, take, timeout } from 'rxjs';
import type { Consensus, Leadership } from '../contracts/consensus.js';
import { isSwarmError } from '../plugin/errors.js';
import { TapeMachine } from './tape-machine.js';

/** One place for a log, on which a member can be started again and again. */
export interface ConsensusWorld {
  /**
   * The only member of a group, with this machine attached, begun but perhaps not leading yet. It takes a
   * snapshot at least every 100 entries. Not called twice without `stop` between.
   */
  start(machine: TapeMachine): Promise<Consensus>;
  stop(): Promise<void>;
  /** Removes the log. Called after `stop`. */
  dispose(): Promise<void>;
}

const MAX_BYTES = 1_572_864;
const texts = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => `v${from + i}`);
const refusal = (code: string) => (error: unknown) => isSwarmError(error) && error.code === code;

export function consensusConformance(name: string, makeWorld: () => Promise<ConsensusWorld>): void {
  describe(`${name} keeps the consensus contract`, () => {
    let world: ConsensusWorld;
    let machine: TapeMachine;
    let consensus: Consensus;

    const lead = async (): Promise<void> => {
      machine = new TapeMachine();
      consensus = await world.start(machine);
      const leading = filter((leadership: Leadership) => leadership.leading);
      await firstValueFrom(consensus.leadership$.pipe(leading, timeout(10_000)));
    };
    const restart = async (): Promise<void> => {
      await world.stop();
      await lead();
    };
    const propose = (text: string) => consensus.propose(Buffer.from(text));

    beforeEach(async () => {
      world = await makeWorld();
      await lead();
    });

    afterEach(async () => {
      await world.stop();
      await world.dispose();
    });

    it('has an id, a term and a member: itself', () => {
      const { raftId } = consensus;
      assert.ok(raftId >= 1n && raftId <= 1n << 63n);
      const { term, leading, leaderId } = consensus.leadership();
      assert.ok(term >= 1n);
      assert.deepEqual([leading, leaderId], [true, raftId]);
      const [member] = consensus.members();
      assert.deepEqual([member?.raftId, member?.reachable, member?.votes], [raftId, true, true]);
    });

    it('hands a new reader the present leadership', async () => {
      const first = await firstValueFrom(consensus.leadership$.pipe(take(1)));
      assert.deepEqual(first, consensus.leadership());
    });

    it('leads when everything before was applied', () => {
      assert.equal(consensus.appliedIndex, consensus.lastIndex);
      assert.equal(machine.applied.at(-1), consensus.lastIndex);
    });

    it('appends at lastIndex + 1, synchronously', async () => {
      const before = consensus.lastIndex;
      const both = [propose('a'), propose('b')];
      assert.equal(consensus.lastIndex, before + 2n);
      const { term } = consensus.leadership();
      assert.deepEqual(await Promise.all(both), [
        { index: before + 1n, term },
        { index: before + 2n, term },
      ]);
    });

    it('answers when the entry was applied', async () => {
      for (const text of texts(20)) {
        const { index } = await propose(text);
        assert.ok(consensus.appliedIndex >= index);
        assert.ok(machine.tape.includes(text));
      }
    });

    it('applies in the order of the calls, each once', async () => {
      const answered: string[] = [];
      await Promise.all(
        texts(1_000).map(async (text) => {
          await propose(text);
          answered.push(text);
        }),
      );
      assert.deepEqual(machine.tape, texts(1_000));
      assert.deepEqual(answered, texts(1_000));
    });

    it('has the same history after each restart', async () => {
      const { raftId } = consensus;
      for (const round of [0, 1, 2]) {
        await Promise.all(texts(150, round * 150).map(propose));
        await restart();
        assert.deepEqual(machine.tape, texts((round + 1) * 150));
        assert.equal(consensus.raftId, raftId);
      }
    });

    it('applies from 1, or from the restored snapshot, without a gap', async () => {
      const check = (): void => {
        const first = (machine.restoredAt ?? 0n) + 1n;
        assert.deepEqual(
          machine.applied,
          machine.applied.map((_, i) => first + BigInt(i)),
        );
        assert.equal(machine.applied.at(-1) ?? machine.restoredAt, consensus.appliedIndex);
      };
      check();
      await Promise.all(texts(10).map(propose));
      await restart();
      check();
      // One by one, so that the snapshots have time to be taken.
      for (const text of texts(400, 10)) await propose(text);
      await restart();
      check();
      assert.ok(machine.restoredAt !== undefined, 'no snapshot was taken');
      assert.deepEqual(machine.tape, texts(410));
    });

    it('takes entries of 1.5 MiB and no larger ones', async () => {
      const before = consensus.lastIndex;
      await assert.rejects(
        consensus.propose(Buffer.alloc(MAX_BYTES + 1)),
        refusal('RAFT_TOO_LARGE'),
      );
      assert.equal(consensus.lastIndex, before);
      await consensus.propose(Buffer.alloc(MAX_BYTES, 0x61));
      await restart();
      assert.equal(machine.tape[0]?.length, MAX_BYTES);
    });

    it('ends its leadership and refuses proposals when it is stopped', async () => {
      const stopped = consensus;
      await world.stop();
      assert.equal(stopped.leadership().leading, false);
      await assert.rejects(stopped.propose(Buffer.from('late')), refusal('RAFT_STOPPED'));
      await lead();
    });
  });
}
