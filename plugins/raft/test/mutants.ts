/**
 * The core, broken on purpose, one way at a time: what is replaced in which compiled file. Each must be
 * caught by the lives of life.ts; `npm run sim:mutants` shows that it is. A text that is not found
 * exactly once is an error there, so that no mutant dies unseen when the core changes.
 */
export interface Mutant {
  readonly name: string;
  /** Below dist/core. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'commit without quorum',
    file: 'quorum.js',
    find: 'return values[majority(voters) - 1];',
    replace: 'return values[0];',
  },
  {
    name: 'vote twice',
    file: 'election.js',
    find: 'const free = state.vote === message.from ||',
    replace: 'const free = true ||',
  },
  {
    name: 'no fsync before the answer',
    file: 'state.js',
    find: '(PROMISES.has(whole.type) ? this.promises : this.outbox)',
    replace: 'this.outbox',
  },
  {
    name: 'no own fsync before the leader counts itself',
    file: 'append.js',
    find: 'acknowledged(state.log.stable)',
    replace: 'acknowledged(state.log.lastIndex)',
  },
  {
    name: 'apply out of order',
    file: 'raft.js',
    find: 'const committed = log.next(MAX_HANDED_BYTES);',
    replace: 'const committed = log.next(MAX_HANDED_BYTES).reverse();',
  },
  {
    name: 'apply before it is on the disk',
    file: 'log.js',
    find: 'return this.slice(this.handed + 1n, maxBytes, minOf(this.committed, this.stable));',
    replace: 'return this.slice(this.handed + 1n, maxBytes, this.committed);',
  },
  {
    name: 'term check missing',
    file: 'step.js',
    find: 'if (message.term < state.term && message.term > 0n) {',
    replace: 'if (false) {',
  },
  {
    name: 'vote for a shorter log',
    file: 'election.js',
    find: 'const granted = free && hasEnough(state, { index: message.index, term: message.logTerm });',
    replace: 'const granted = free;',
  },
  {
    name: 'stale snapshot accepted',
    file: 'snapshot.js',
    find: 'if (index <= state.log.committed)',
    replace: 'if (false)',
  },
  {
    name: 'joint quorum forgotten when committing',
    file: 'quorum.js',
    find: 'if (outgoing.length === 0)\n        return agreed;',
    replace: 'return agreed;',
  },
  {
    name: 'joint quorum forgotten when electing',
    file: 'quorum.js',
    find: 'const before = outcomeIn(outgoing, answerOf);',
    replace: "const before = 'won';",
  },
  {
    name: 'read index without quorum',
    file: 'read-index.js',
    find: 'reads.rounds[0].round <= agreed',
    replace: 'true',
  },
  {
    name: 'read index before the term has a committed entry',
    file: 'read-index.js',
    find: 'const knowsCommitIndex = ({ log, term }) => log.term(log.committed) === term;',
    replace: 'const knowsCommitIndex = () => true;',
  },
  {
    name: "commit of an old term's entry by count",
    file: 'append.js',
    find: 'if (log.term(index) !== state.term)',
    replace: 'if (false)',
  },
  {
    name: 'learner counted as voter',
    file: 'quorum.js',
    find: 'const agreed = agreedIn(voters, reachedBy);',
    replace: 'const agreed = agreedIn([...voters, ...arguments[0].learners], reachedBy);',
  },
  {
    name: 'commit index beyond what the member has',
    file: 'heartbeat.js',
    find: 'const commit = minOf(match, state.log.committed);',
    replace: 'const commit = state.log.committed;',
  },
  {
    name: 'append without looking at what is before',
    file: 'log.js',
    find: 'if (!this.matches(previous))',
    replace: 'if (previous.index > this.lastIndex)',
  },
  {
    name: 'two changes of the group at once',
    file: 'membership.js',
    find: 'if (state.pendingChange > state.applied || joint !== isLeave(change))',
    replace: 'if (joint !== isLeave(change))',
  },
  {
    name: 'election before the own changes are applied',
    file: 'election.js',
    find: 'if (state.log.incoming !== undefined || hasUnappliedChange(state))',
    replace: 'if (state.log.incoming !== undefined)',
  },
  {
    name: 'features of ours in a mixed group',
    file: 'state.js',
    find: 'return (this.shared & features) === features;',
    replace: 'return true;',
  },
];
