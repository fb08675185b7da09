import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededRandom } from '@swarmkit/sdk/testkit/virtual-env';
import fc from 'fast-check';
import { Group } from './group.js';

/** One disorderly life of a group; the same seed is the same life. */
function live(size: number, seed: number, steps: number): Group {
  const random = seededRandom(`group-${seed}`);
  const group = Group.of(size, (below) => random.int(below));
  // A quiet world elects nobody by accident; a wild one rarely commits. Each seed has its own temper.
  const loss = random.int(4);
  const crashes = random.int(3);
  let proposed = 0;
  for (let step = 0; step < steps; step++) {
    const member = group.member(1 + random.int(size));
    switch (random.int(10)) {
      case 0:
      case 1:
        member.raft?.tick();
        break;
      case 2:
      case 3:
        member.work();
        break;
      case 4:
        member.raft?.propose(Buffer.from(`p${proposed++}`));
        break;
      case 5:
        if (member.raft === undefined) member.start();
        else if (random.int(60) < crashes) member.crash();
        else if (random.int(20) === 0) member.compact(random.int(5));
        break;
      default: {
        // Any message, so that they overtake each other; sometimes it arrives twice, sometimes never.
        const message = group.network[random.int(Math.max(1, group.network.length))];
        if (message === undefined) break;
        if (random.int(10) > 0) group.network.splice(group.network.indexOf(message), 1);
        if (random.int(20) >= loss) group.deliver(message);
        else group.lose(message);
      }
    }
    group.checkLeaders();
  }
  return group;
}

describe('any disorder', () => {
  it('never makes two members apply different entries, and ends when it ends', () => {
    let committed = 0;
    let elections = 0;
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 3, 5), fc.nat(), (size, seed) => {
        const group = live(size, seed, 3_000);
        for (const member of group.members.values()) if (member.raft === undefined) member.start();
        // Votes are refused while an old leader is remembered; a few timeouts sort that out.
        group.converge(400);
        const position = group.propose('the end');
        group.converge(20);
        const tapes = [...group.members.values()].map(({ tape }) => tape);
        for (const tape of tapes) assert.deepEqual(tape, tapes[0]);
        assert.ok(tapes[0]?.[Number(position.index) - 1]?.endsWith(':the end'));
        committed += tapes[0]?.length ?? 0;
        elections += Number(group.leader?.running.term ?? 0n);
      }),
      { numRuns: 60 },
    );
    // The disorder must not be so large that nothing happens in it.
    assert.ok(committed > 60 * 50, `${committed} entries in 60 lives`);
    assert.ok(elections > 60 * 3, `${elections} terms in 60 lives`);
  });
});
