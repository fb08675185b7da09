import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ConfChangeType,
  ConfState,
  EntryType,
  HardState,
  Message,
  MessageType,
} from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { encodeChange } from '../core/change.js';
import { change, entry, founded, Group } from './group.js';

const texts = (group: Group, id: number): string[] =>
  group
    .member(id)
    .tape.slice(3)
    .map((text) => text.slice(text.indexOf(':') + 1))
    .filter((text) => text !== '');

const between =
  (a: number, b: number) =>
  (message: Message): boolean =>
    (message.from === BigInt(a) && message.to === BigInt(b)) ||
    (message.from === BigInt(b) && message.to === BigInt(a));

const isolating =
  (id: number) =>
  (message: Message): boolean =>
    message.from !== BigInt(id) && message.to !== BigInt(id);

describe('election', () => {
  it('gives a group of three one leader, which begins its term with an empty entry', () => {
    const group = Group.of(3);
    group.elect(1);
    for (const id of [1, 2, 3]) {
      assert.equal(group.raft(id).leader, 1n);
      assert.equal(group.raft(id).term, 2n);
      assert.equal(group.member(id).tape.at(-1), '2:');
    }
  });

  it('happens by itself when nobody leads', () => {
    let draw = 0;
    const group = Group.of(3, (below) => draw++ % below);
    group.tick(30);
    assert.ok(group.leader);
  });

  it('gives one vote a term', () => {
    const group = Group.of(3);
    const ask = (from: bigint): void => {
      group.raft(3).step(
        Message.create({
          type: MessageType.MsgVote,
          from,
          to: 3n,
          term: 2n,
          index: 3n,
          logTerm: 1n,
        }),
      );
      group.member(3).pump();
    };
    ask(1n);
    ask(2n);
    ask(1n);
    const answers = group.sent.filter(({ type }) => type === MessageType.MsgVoteResp);
    assert.deepEqual(
      answers.map(({ to, reject }) => [to, reject]),
      [
        [1n, false],
        [2n, true],
        [1n, false],
      ],
    );
    assert.equal(group.member(3).disk.hardState.vote, 1n);
  });

  it('keeps a vote over a crash', () => {
    const group = Group.of(3);
    const ask = (from: bigint): Message =>
      Message.create({ type: MessageType.MsgVote, from, to: 3n, term: 2n, index: 9n, logTerm: 1n });
    group.raft(3).step(ask(1n));
    group.member(3).pump();
    group.member(3).crash();
    group.member(3).start();
    group.raft(3).step(ask(2n));
    group.member(3).pump();
    assert.equal(group.sent.at(-1)?.reject, true);
  });

  it('saves a vote of a term that it has seen before', () => {
    const group = Group.of(3);
    group.elect(1);
    group.passes = isolating(3);
    group.propose('only 1 and 2 have this');
    group.settle();
    for (let i = 0; i < 10; i++) group.raft(2).tick();
    const ask = { type: MessageType.MsgVote, to: 2n, term: 9n };
    group.raft(2).step(Message.create({ ...ask, from: 3n, index: 4n, logTerm: 2n }));
    group.member(2).pump();
    assert.equal(group.member(2).disk.hardState.vote, 0n);
    group.raft(2).step(Message.create({ ...ask, from: 1n, index: 5n, logTerm: 2n }));
    group.member(2).pump();
    assert.equal(group.member(2).disk.hardState.vote, 1n);
  });

  it('is not stood for by one who does not know yet who votes', () => {
    const group = new Group(() => 0);
    const removed = {
      ...entry(4, 1, ''),
      Type: EntryType.EntryConfChange,
      Data: encodeChange(change(ConfChangeType.ConfChangeRemoveNode, 1n)).data,
    };
    const member = group.add(1n, {
      ...founded([]),
      hardState: HardState.create({ term: 1n, commit: 4n }),
      snapshot: { index: 3n, term: 1n },
      confState: ConfState.create({ voters: [1n, 2n, 3n] }),
      entries: [removed],
      tape: ['', '', ''],
    });
    member.create();
    member.running.campaign();
    assert.equal(member.running.role, 'follower');
  });

  it('does not answer before the vote is on disk', () => {
    const group = Group.of(3);
    group.raft(3).step(
      Message.create({
        type: MessageType.MsgVote,
        from: 1n,
        to: 3n,
        term: 2n,
        index: 3n,
        logTerm: 1n,
      }),
    );
    group.member(3).work();
    assert.equal(group.sent.length, 0);
    group.member(3).work();
    assert.equal(group.sent.length, 1);
    assert.equal(group.member(3).disk.hardState.vote, 1n);
  });

  it('is not won by a log that lacks what is committed', () => {
    const group = Group.of(3);
    group.elect(1);
    group.passes = isolating(3);
    group.propose('a');
    group.settle();
    group.passes = () => true;
    group.member(1).crash();
    // Long enough for member 2 to have forgotten the old leader.
    for (let i = 0; i < 10; i++) group.raft(2).tick();
    group.raft(3).campaign();
    group.settle();
    assert.notEqual(group.raft(3).role, 'leader');
    group.raft(2).campaign();
    group.settle();
    assert.equal(group.leader?.id, 2n);
    assert.deepEqual(texts(group, 3), ['a']);
  });

  it('is not disturbed by a member that comes back with a higher term', () => {
    const group = Group.of(3);
    group.elect(1);
    group.passes = isolating(3);
    for (let i = 0; i < 60; i++) group.tick();
    assert.ok(group.raft(3).term > 2n);
    group.passes = (message) => message.type !== MessageType.MsgAppResp || message.term === 2n;
    group.raft(3).campaign();
    group.settle();
    assert.equal(group.leader?.id, 1n);
    assert.equal(group.raft(2).term, 2n);
  });

  it('follows a transfer although the leader is alive', () => {
    const group = Group.of(3);
    group.elect(1);
    group
      .raft(2)
      .step(Message.create({ type: MessageType.MsgTimeoutNow, from: 1n, to: 2n, term: 2n }));
    group.settle();
    assert.equal(group.leader?.id, 2n);
    assert.equal(group.raft(1).role, 'follower');
  });

  it('is lost by a leader that a majority does not answer', () => {
    const group = Group.of(3);
    group.elect(1);
    group.passes = isolating(1);
    group.tick(21);
    assert.notEqual(group.raft(1).role, 'leader');
    assert.equal(group.raft(1).propose(Buffer.from('x')), 'not-leader');
  });

  it('needs a majority', () => {
    const group = Group.of(5);
    group.passes = (message) => message.from <= 2n && message.to <= 2n;
    group.raft(1).campaign();
    group.settle();
    assert.equal(group.leader, undefined);
  });
});

describe('replication', () => {
  it('applies the same everywhere, in order', () => {
    const group = Group.of(3);
    group.elect(1);
    const wanted = Array.from({ length: 100 }, (_, i) => `v${i}`);
    for (const [i, text] of wanted.entries()) {
      group.propose(text);
      if (i % 7 === 0) group.settle();
    }
    group.settle();
    group.tick();
    for (const id of [1, 2, 3]) assert.deepEqual(texts(group, id), wanted);
  });

  it('sends what was proposed together in one message', () => {
    const group = Group.of(2);
    group.elect(1);
    const before = group.sent.length;
    for (let i = 0; i < 5; i++) group.propose('x');
    group.settle();
    const appends = group.sent.slice(before).filter(({ entries }) => entries.length > 0);
    assert.equal(appends.length, 1);
  });

  it('commits with a majority, and not without', () => {
    const group = Group.of(3);
    group.elect(1);
    group.passes = isolating(1);
    group.propose('lonely');
    group.settle();
    assert.deepEqual(texts(group, 1), []);
    group.passes = isolating(3);
    group.tick();
    assert.deepEqual(texts(group, 1), ['lonely']);
    assert.deepEqual(texts(group, 2), ['lonely']);
    assert.deepEqual(texts(group, 3), []);
    group.passes = () => true;
    group.tick(2);
    assert.deepEqual(texts(group, 3), ['lonely']);
  });

  it('counts no majority for an entry of an earlier term (figure 8 of the Raft paper)', () => {
    const group = new Group(() => 0);
    const ids = [1n, 2n, 3n];
    const disk = { ...founded(ids), hardState: HardState.create({ term: 2n, commit: 3n }) };
    const old = [...disk.entries, entry(4, 2)];
    group.add(1n, { ...disk, entries: old }).start();
    group.add(2n, { ...disk, entries: old }).start();
    group.add(3n, disk).start();
    group.passes = ({ type }) => type !== MessageType.MsgApp;
    group.elect(1);
    const answer = { type: MessageType.MsgAppResp, from: 2n, to: 1n, term: 3n };
    group.raft(1).step(Message.create({ ...answer, index: 4n }));
    assert.equal(group.raft(1).committed, 3n);
    group.raft(1).step(Message.create({ ...answer, index: 5n }));
    assert.equal(group.raft(1).committed, 5n);
  });

  it('is acknowledged as far as the leader spoke of, whatever else a member has', () => {
    const group = Group.of(3);
    const append = { type: MessageType.MsgApp, to: 3n, logTerm: 1n };
    const stale = [entry(4, 2), entry(5, 2), entry(6, 2)];
    const old = { ...append, from: 1n, term: 2n, index: 3n, entries: stale };
    const acknowledged = (message: Message): bigint | undefined => {
      group.raft(3).step(message);
      group.member(3).pump();
      return group.sent.at(-1)?.index;
    };
    assert.equal(acknowledged(Message.create({ ...old, commit: 4n })), 6n);
    const probe = { ...append, from: 2n, term: 3n };
    assert.equal(acknowledged(Message.create({ ...probe, index: 4n, logTerm: 2n })), 4n);
    assert.equal(acknowledged(Message.create({ ...probe, index: 2n })), 4n);
  });

  it('writes an entry that replaced another one while that was being written', () => {
    const group = Group.of(3);
    const append = { type: MessageType.MsgApp, to: 3n, index: 3n, logTerm: 1n };
    group.raft(3).step(Message.create({ ...append, from: 1n, term: 2n, entries: [entry(4, 2)] }));
    group.member(3).work();
    group.raft(3).step(Message.create({ ...append, from: 2n, term: 3n, entries: [entry(4, 3)] }));
    group.member(3).pump();
    assert.equal(group.member(3).disk.entries.at(-1)?.Term, 3n);
  });

  it('applies nothing that is not on the own disk', () => {
    const group = Group.of(3);
    const append = { type: MessageType.MsgApp, from: 1n, to: 3n, term: 2n, index: 3n, logTerm: 1n };
    group.raft(3).step(Message.create({ ...append, entries: [entry(4, 2)], commit: 4n }));
    group.member(3).work();
    assert.equal(group.member(3).tape.length, 3);
    group.member(3).pump();
    assert.equal(group.member(3).tape.length, 4);
  });

  it('answers an append from before the log begins with what is committed', () => {
    const group = Group.of(3);
    group.elect(1);
    for (let i = 0; i < 10; i++) group.propose(`v${i}`);
    group.settle();
    group.tick();
    group.member(2).compact(0);
    const append = { type: MessageType.MsgApp, from: 1n, to: 2n, term: 2n, index: 5n, logTerm: 2n };
    group.raft(2).step(Message.create(append));
    group.member(2).pump();
    assert.deepEqual([group.sent.at(-1)?.reject, group.sent.at(-1)?.index], [false, 14n]);
  });

  it('does not acknowledge before the entries are on disk', () => {
    const group = Group.of(2);
    group.elect(1);
    group.propose('a');
    group.member(1).pump();
    for (const message of group.network.splice(0)) group.deliver(message);
    const acknowledged = (): boolean =>
      group.network.some(({ type, from }) => type === MessageType.MsgAppResp && from === 2n);
    group.member(2).work();
    assert.equal(acknowledged(), false);
    group.member(2).work();
    assert.equal(acknowledged(), true);
  });

  it('replaces what only an old leader had', () => {
    const group = Group.of(3);
    group.elect(1);
    group.passes = isolating(1);
    for (const text of ['x', 'y', 'z']) group.propose(text);
    group.settle();
    for (let i = 0; i < 10; i++) for (const id of [2, 3]) group.raft(id).tick();
    group.raft(2).campaign();
    group.settle();
    assert.equal(group.raft(2).role, 'leader');
    group.raft(2).propose(Buffer.from('new'));
    group.settle();
    group.passes = () => true;
    group.tick(3);
    assert.equal(group.leader?.id, 2n);
    for (const id of [1, 2, 3]) assert.deepEqual(texts(group, id), ['new']);
    assert.deepEqual(
      group.member(1).disk.entries.map(({ Index, Term }) => [Index, Term]),
      group.member(2).disk.entries.map(({ Index, Term }) => [Index, Term]),
    );
  });

  it('repairs every log of figure 7 of the Raft paper', () => {
    const leaderTerms = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
    const others = [
      [1, 1, 1, 4, 4, 5, 5, 6, 6],
      [1, 1, 1, 4],
      [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
      [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
      [1, 1, 1, 4, 4, 4, 4],
      [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    ];
    const ids = [1n, 2n, 3n];
    for (const terms of others) {
      const group = new Group(() => 0);
      const disk = (own: readonly number[]) => ({
        ...founded(ids),
        hardState: HardState.create({ term: 7n, commit: 3n }),
        entries: [...founded(ids).entries, ...own.slice(3).map((term, i) => entry(i + 4, term))],
      });
      group.add(1n, disk(leaderTerms)).start();
      group.add(2n, disk(terms)).start();
      group.add(3n, disk([1, 1, 1])).start();
      group.passes = (message) => !between(1, 2)(message);
      group.elect(1);
      group.passes = () => true;
      group.converge(20);
      assert.deepEqual(group.member(2).tape, group.member(1).tape);
      assert.deepEqual(group.member(2).disk.entries, group.member(1).disk.entries);
    }
  });

  it('finds where two logs part in a few messages, not one an entry', () => {
    const group = new Group(() => 0);
    const ids = [1n, 2n, 3n];
    const disk = (term: number, count: number) => ({
      ...founded(ids),
      hardState: HardState.create({ term: 5n, commit: 3n }),
      entries: [
        ...founded(ids).entries,
        ...Array.from({ length: count }, (_, i) => entry(i + 4, term)),
      ],
    });
    group.add(1n, disk(4, 500)).start();
    group.add(2n, disk(3, 500)).start();
    group.add(3n, disk(4, 500)).start();
    group.elect(1);
    group.converge(50);
    const refusals = group.sent.filter((message) => message.reject);
    assert.ok(refusals.length <= 3, `${refusals.length} refusals`);
  });

  it('tells a leader that was cut off that its term is over', () => {
    const group = Group.of(3);
    group.elect(1);
    group.passes = isolating(1);
    group.raft(2).tick();
    for (let i = 0; i < 10; i++) for (const id of [2, 3]) group.raft(id).tick();
    group.raft(2).campaign();
    group.settle();
    group.passes = (message) => message.to !== 1n || message.type === MessageType.MsgAppResp;
    assert.equal(group.raft(1).role, 'leader');
    group.raft(1).tick();
    group.settle();
    assert.equal(group.raft(1).role, 'follower');
  });

  it('limits what is out to a member that does not answer', () => {
    const group = Group.of(2);
    group.elect(1);
    const before = group.sent.length;
    group.passes = (message) => message.from !== 2n;
    for (let i = 0; i < 50; i++) {
      group.propose('x'.repeat(64));
      group.settle();
    }
    const appends = group.sent.slice(before).filter(({ entries }) => entries.length > 0);
    assert.ok(appends.length <= 4, `${appends.length} appends`);
    const all = group.sent.length - before;
    assert.ok(all <= 8, `${all} messages`);
    group.passes = () => true;
    group.converge(10);
  });
});

describe('snapshots', () => {
  it('bring back a member that is behind the first entry', () => {
    const group = Group.of(3);
    group.elect(1);
    group.member(3).crash();
    for (let i = 0; i < 30; i++) group.propose(`v${i}`);
    group.settle();
    group.member(1).compact(2);
    group.member(3).start();
    group.converge(20);
    assert.ok(group.sent.some(({ type }) => type === MessageType.MsgSnap));
    assert.deepEqual(group.member(3).tape, group.member(1).tape);
    group.propose('after');
    group.settle();
    group.member(3).crash();
    group.member(3).start();
    group.converge(20);
    assert.deepEqual(texts(group, 3).at(-1), 'after');
  });

  it('are sent again when they did not arrive', () => {
    const group = Group.of(3);
    group.elect(1);
    group.member(3).crash();
    for (let i = 0; i < 30; i++) group.propose(`v${i}`);
    group.settle();
    group.member(1).compact(0);
    group.member(3).start();
    let lost = 0;
    group.passes = ({ type }) => type !== MessageType.MsgSnap || lost++ >= 2;
    group.converge(30);
    assert.ok(lost >= 2);
  });

  it('that are older than what a member has are answered with what it has', () => {
    const group = Group.of(3);
    group.elect(1);
    for (let i = 0; i < 10; i++) group.propose(`v${i}`);
    group.settle();
    group.tick();
    const metadata = { index: 4n, term: 2n, confState: { voters: [1n, 2n, 3n] } };
    const message = {
      type: MessageType.MsgSnap,
      from: 1n,
      to: 2n,
      term: 2n,
      snapshot: { metadata },
    };
    group.raft(2).step(Message.create(message));
    group.member(2).pump();
    assert.equal(group.sent.at(-1)?.index, 14n);
    assert.equal(texts(group, 2).length, 10);
  });
});

describe('membership of others', () => {
  it('is no reason to take a snapshot', () => {
    const group = Group.of(3);
    const metadata = { index: 9n, term: 2n, confState: { voters: [1n, 2n] } };
    const message = {
      type: MessageType.MsgSnap,
      from: 1n,
      to: 3n,
      term: 2n,
      snapshot: { metadata },
    };
    group.raft(3).step(Message.create(message));
    assert.equal(group.raft(3).lastIndex, 3n);
  });

  it('is, for one that is none yet: an engine sends the configuration of its snapshot', () => {
    const group = Group.of(2);
    group.add(3n, { ...founded([]), hardState: HardState.create() }).start();
    const metadata = { index: 9n, term: 2n, confState: { voters: [1n, 2n] } };
    const message = {
      type: MessageType.MsgSnap,
      from: 1n,
      to: 3n,
      term: 2n,
      snapshot: { metadata },
    };
    group.raft(3).step(Message.create(message));
    assert.equal(group.raft(3).lastIndex, 9n);
    assert.deepEqual(group.raft(3).voters, [1n, 2n]);
  });
});

describe('membership', () => {
  it('grows by one, and the new member gets everything', () => {
    const group = Group.of(1);
    group.elect(1);
    group.propose('before');
    group.settle();
    const empty = { ...founded([]), hardState: HardState.create() };
    group.add(2n, empty).start();
    group.raft(1).proposeChange(change(ConfChangeType.ConfChangeAddNode, 2n));
    group.settle();
    group.converge(20);
    assert.deepEqual(group.raft(2).confState.voters, [1n, 2n]);
    assert.deepEqual(group.member(2).tape, group.member(1).tape);
    // Two members: nothing commits without the second one.
    group.member(2).crash();
    group.propose('waits');
    group.settle();
    assert.notEqual(group.member(1).tape.at(-1), '2:waits');
  });

  it('shrinks, and a smaller majority is enough at once', () => {
    const group = Group.of(3);
    group.elect(1);
    group.member(3).crash();
    group.raft(1).proposeChange(change(ConfChangeType.ConfChangeRemoveNode, 3n));
    group.settle();
    assert.deepEqual(group.raft(1).confState.voters, [1n, 2n]);
    group.raft(1).proposeChange(change(ConfChangeType.ConfChangeRemoveNode, 2n));
    group.settle();
    assert.ok(group.raft(1).isSoleVoter);
    group.member(2).crash();
    group.propose('alone');
    group.settle();
    assert.equal(group.member(1).tape.at(-1), '2:alone');
  });

  it('changes one at a time: a second change becomes an empty entry', () => {
    const group = Group.of(3);
    group.elect(1);
    group.raft(1).proposeChange(change(ConfChangeType.ConfChangeRemoveNode, 3n));
    group.raft(1).proposeChange(change(ConfChangeType.ConfChangeRemoveNode, 2n));
    group.settle();
    assert.deepEqual(group.raft(1).confState.voters, [1n, 2n]);
    const [first, second] = group.member(1).disk.entries.slice(-2);
    assert.equal(first?.Type, EntryType.EntryConfChange);
    assert.equal(second?.Type, EntryType.EntryNormal);
    assert.equal(second?.Data.length, 0);
  });

  it('changes one at a time, also when the first change is of an earlier leader', () => {
    const group = Group.of(3);
    group.elect(1);
    group.passes = ({ type, to }) => type !== MessageType.MsgAppResp && to !== 3n;
    group.raft(1).proposeChange(change(ConfChangeType.ConfChangeRemoveNode, 3n));
    group.settle();
    group.member(1).crash();
    for (let i = 0; i < 10; i++) for (const id of [2, 3]) group.raft(id).tick();
    group.passes = ({ type }) => type === MessageType.MsgVote || type === MessageType.MsgVoteResp;
    group.raft(2).campaign();
    group.settle();
    assert.equal(group.raft(2).role, 'leader');
    group.raft(2).proposeChange(change(ConfChangeType.ConfChangeRemoveNode, 1n));
    group.passes = () => true;
    group.converge(20);
    assert.deepEqual(group.raft(2).confState.voters, [1n, 2n].slice(0, 2));
  });
});

describe('a commit that waits', () => {
  const writing = (): Group => {
    const group = Group.of(3);
    group.commitsWait = true;
    // Members that know of the setting.
    for (const id of [1, 2, 3]) group.member(id).create();
    group.elect(1);
    group.sent.length = 0;
    return group;
  };
  const appends = (group: Group): readonly (readonly [number, bigint])[] =>
    group.sent
      .filter(({ type, to }) => type === MessageType.MsgApp && to === 2n)
      .map(({ entries, commit }) => [entries.length, commit]);

  it('goes with the next entries, or when it is told', () => {
    const group = writing();
    const before = group.raft(1).committed;
    for (const text of ['a', 'b']) {
      group.raft(1).propose(Buffer.from(text));
      group.settle();
    }
    assert.deepEqual(appends(group), [
      [1, before],
      [1, before + 1n],
    ]);
    assert.deepEqual(texts(group, 1), ['a', 'b']);
    assert.deepEqual(texts(group, 2), ['a']);
    assert.equal(group.raft(1).commitUntold, true);
    group.raft(1).tellCommit();
    group.settle();
    assert.deepEqual(texts(group, 2), ['a', 'b']);
    assert.equal(group.raft(1).commitUntold, false);
  });

  it('does not wait where it removes who would never be told of it afterwards', () => {
    const group = writing();
    group.raft(1).proposeChange(change(ConfChangeType.ConfChangeRemoveNode, 3n));
    group.settle();
    assert.deepEqual(group.member(1).removed, [3n]);
    assert.deepEqual(group.member(3).removed, [3n]);
  });

  it('is told by a heartbeat at the latest', () => {
    const group = writing();
    group.raft(1).propose(Buffer.from('a'));
    group.settle();
    assert.deepEqual(texts(group, 3), []);
    group.raft(1).tick();
    group.settle();
    assert.deepEqual(texts(group, 3), ['a']);
  });

  it('lets nobody wait who is behind its window', () => {
    const group = writing();
    // The window is four appends.
    for (let i = 0; i < 12; i++) {
      group.raft(1).propose(Buffer.from(String(i)));
      group.member(1).begin();
      group.member(1).finish();
    }
    group.settle();
    assert.equal(group.raft(2).lastIndex, group.raft(1).lastIndex);
  });
});
