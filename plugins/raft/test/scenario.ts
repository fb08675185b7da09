/**
 * Reads and plays scenario scripts: blocks of commands to a group in memory, `----`, and what came of
 * them, in words. What each command does stands in `COMMANDS`.
 */
import {
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  ConfChangeV2,
  ConfState,
  type Entry,
  EntryType,
  HardState,
  type Message,
  MessageType,
} from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { ClusterSnapshot } from '@swarmkit/sdk/wire/gen/swarmkit/snapshot';
import { describeMembers } from '../core/change.js';
import { OUR_FEATURES } from '../core/features.js';
import { ORIGIN } from '../core/log.js';
import type { Role } from '../core/state.js';
import { change, founded, Group, type GroupMember } from './group.js';

const RULE = '----';

/** The script with what really comes of each block in the place of what is written there. */
export function play(script: string): string {
  const stage = new Stage();
  const blocks = script.trimEnd().split(/\n\n+/);
  const played = blocks.map((block) => {
    const lines = block.split('\n');
    const rule = lines.indexOf(RULE);
    const commands = rule < 0 ? lines : lines.slice(0, rule);
    const acts = commands.filter((line) => !line.startsWith('#'));
    if (acts.length === 0) return block;
    const came = acts.flatMap((line) => stage.act(line));
    return [...commands, RULE, ...(came.length > 0 ? came : ['nothing'])].join('\n');
  });
  return `${played.join('\n\n')}\n`;
}

type Command = (stage: Stage, words: readonly string[]) => void;

const COMMANDS: Readonly<Record<string, Command>> = {
  /** group SIZE ours|swarmkit: a new group, all up, nobody leads. */
  group: (stage, [size, kind]) => stage.found(Number(size), kind === 'ours' ? OUR_FEATURES : 0),
  /** join ID: an empty member that nobody knows yet. */
  join: (stage, [id]) => stage.join(BigInt(id as string)),
  /** campaign ID */
  campaign: (stage, [id]) => stage.raft(id).campaign(),
  /** tick COUNT [ID …]: of these, or all. Nothing is written or delivered. */
  tick: (stage, [count, ...ids]) => {
    for (const member of stage.chosen(ids))
      for (let i = 0; i < Number(count); i++) member.running.tick();
  },
  /** write ID …: begins and finishes what each has to write. Nothing is delivered. */
  write: (stage, ids) => {
    for (const member of stage.chosen(ids)) member.pump();
  },
  /** begin ID: begins a write and sends what may leave before it is done. */
  begin: (stage, [id]) => void stage.member(id).begin(),
  /** deliver [FROM TO]: everything that is on its way, or only that. */
  deliver: (stage, [from, to]) => stage.deliver(from, to),
  /** lose [FROM TO]: the same, but it does not arrive. */
  lose: (stage, [from, to]) => void stage.take(from, to),
  /** settle: writes and delivers until nothing moves; quietly does not show the messages. */
  settle: (stage, [quietly]) => stage.settle(quietly === 'quietly'),
  /** cut ID …: nothing reaches or leaves them, until heal. */
  cut: (stage, ids) => {
    const cut = new Set(ids.map(BigInt));
    stage.group.passes = ({ from, to }) => !cut.has(from) && !cut.has(to);
  },
  heal: (stage) => {
    stage.group.passes = () => true;
  },
  /** propose ID TEXT … */
  propose: (stage, [id, ...texts]) =>
    stage.answer(stage.raft(id).proposeAll(texts.map((text) => Buffer.from(text)))),
  /** change ID add|remove|update|learner MEMBER: of SwarmKit's kind. */
  change: (stage, [id, what, member]) =>
    stage.answer(
      stage
        .raft(id)
        .proposeChange(
          change(TYPES[what as string] as ConfChangeType, BigInt(member as string), stage.features),
        ),
    ),
  /** joint ID auto|explicit [add=MEMBER …]: several at once. Without any it ends a joint change. */
  joint: (stage, [id, how, ...singles]) =>
    stage.answer(stage.raft(id).proposeChange(jointChange(how === 'explicit', singles))),
  /** transfer ID TO */
  transfer: (stage, [id, to]) => stage.answer(stage.raft(id).transferLeader(BigInt(to as string))),
  /** read ID: asks for a read index. */
  read: (stage, [id]) => stage.group.read(stage.member(id)),
  /** crash ID: what is not written is lost. */
  crash: (stage, [id]) => stage.member(id).crash(),
  start: (stage, [id]) => stage.member(id).create(),
  /** compact ID KEEP: takes a snapshot and keeps that many entries behind it. */
  compact: (stage, [id, keep]) => stage.member(id).compact(Number(keep)),
  /** unreachable ID TO: the transport of ID tells it so. */
  unreachable: (stage, [id, to]) => stage.raft(id).reportUnreachable(BigInt(to as string)),
  /** status [ID …] */
  status: (stage, ids) => stage.status(ids),
};

const TYPES: Readonly<Record<string, ConfChangeType>> = {
  add: ConfChangeType.ConfChangeAddNode,
  remove: ConfChangeType.ConfChangeRemoveNode,
  update: ConfChangeType.ConfChangeUpdateNode,
  learner: ConfChangeType.ConfChangeAddLearnerNode,
};

class Stage {
  group = new Group(() => 0);
  features = 0;
  private came: string[] = [];
  private shown = 0;
  private quiet = false;
  private readonly roles = new Map<bigint, Role>();
  private readonly tapes = new Map<bigint, number>();

  act(line: string): readonly string[] {
    const [verb, ...words] = line.trim().split(/\s+/);
    const command = COMMANDS[verb as string];
    if (command === undefined) throw new Error(`no such command: ${line}`);
    this.came = [];
    command(this, words);
    this.show();
    this.group.checkLeaders();
    return this.came;
  }

  found(size: number, features: number): void {
    let draws = 0;
    this.group = new Group((below) => draws++ % below);
    this.features = features;
    this.group.onRead = (member, index) =>
      this.came.push(`${member.id} may read at ${index ?? 'no index, ask again'}`);
    const ids = Array.from({ length: size }, (_, i) => BigInt(i + 1));
    for (const id of ids)
      this.group
        .add(
          id,
          founded(ids, () => features),
        )
        .start();
    for (const { id, tape } of this.group.up) this.tapes.set(id, tape.length);
  }

  join(id: bigint): void {
    const empty = {
      hardState: HardState.create(),
      entries: [],
      snapshot: ORIGIN,
      confState: ConfState.create(),
      membership: ClusterSnapshot.create(),
      tape: [],
    };
    this.group.add(id, empty).start();
  }

  member(id: string | undefined): GroupMember {
    return this.group.member(Number(id));
  }

  raft(id: string | undefined) {
    return this.member(id).running;
  }

  chosen(ids: readonly string[]): readonly GroupMember[] {
    return ids.length === 0 ? this.group.up : ids.map((id) => this.member(id));
  }

  take(from?: string, to?: string): Message[] {
    const taken = this.group.network.filter(
      (one) => from === undefined || (one.from === BigInt(from) && one.to === BigInt(to ?? 0)),
    );
    this.group.network = this.group.network.filter((one) => !taken.includes(one));
    return taken;
  }

  deliver(from?: string, to?: string): void {
    for (const message of this.take(from, to)) this.group.deliver(message);
  }

  settle(quietly: boolean): void {
    this.quiet = quietly;
    this.group.settle();
    this.show();
    this.quiet = false;
  }

  answer(answer: unknown): void {
    if (typeof answer === 'string') this.came.push(`refused: ${answer}`);
  }

  status(ids: readonly string[]): void {
    for (const { id, running } of this.chosen(ids)) {
      const { role, term, leader, applied, committed, lastIndex, confState } = running.status();
      const { voters, votersOutgoing, learners, learnersNext } = confState;
      const sets = [
        `voters ${voters.join()}`,
        votersOutgoing.length > 0 ? `and until left ${votersOutgoing.join()}` : '',
        learners.length > 0 ? `learners ${learners.join()}` : '',
        learnersNext.length > 0 ? `then learners ${learnersNext.join()}` : '',
      ].filter((text) => text !== '');
      this.came.push(
        `${id}: ${role} of term ${term}, leader ${leader}, applied ${applied} of ${committed} of ${lastIndex}, ${sets.join(', ')}`,
      );
      if (role === 'leader')
        for (const [member, { match, next, pace, paused, inflight }] of running.status().progress)
          if (member !== id)
            this.came.push(
              `  ${member}: ${pace}${paused ? ', paused' : ''}, has ${match}, next ${next}, ${inflight} on the way`,
            );
    }
  }

  /** What was sent and applied, and who became what, since the last time. */
  private show(): void {
    const { sent } = this.group;
    if (!this.quiet) for (const message of sent.slice(this.shown)) this.came.push(told(message));
    this.shown = sent.length;
    for (const { id, raft, tape } of this.group.members.values()) {
      const from = this.tapes.get(id) ?? 0;
      this.tapes.set(id, tape.length);
      if (raft !== undefined && tape.length > from)
        this.came.push(`${id} has applied ${from + 1}..${tape.length}`);
      const role = raft?.role ?? 'follower';
      if (role !== (this.roles.get(id) ?? 'follower'))
        this.came.push(`${id} is ${role} now, term ${raft?.term ?? 0n}`);
      this.roles.set(id, role);
    }
  }
}

function jointChange(explicit: boolean, words: readonly string[]): ConfChangeV2 {
  const changes: ConfChangeSingle[] = words.map((word) => {
    const [what, id] = word.split('=');
    return { type: TYPES[what as string] as ConfChangeType, nodeId: BigInt(id as string) };
  });
  const members = changes.map(({ nodeId }) =>
    RaftMember.create({ raftId: nodeId, features: OUR_FEATURES }),
  );
  const transition = explicit
    ? ConfChangeTransition.ConfChangeTransitionJointExplicit
    : ConfChangeTransition.ConfChangeTransitionAuto;
  return ConfChangeV2.create({ transition, changes, context: describeMembers(members) });
}

function told(message: Message): string {
  const { from, to, type, term, index, logTerm, entries, commit, reject, rejectHint } = message;
  const parts = [`${from}>${to} ${(MessageType[type] as string).slice(3)} term ${term}`];
  if (type === MessageType.MsgApp) parts.push(`after ${index}/${logTerm}`, listed(entries));
  else if (type === MessageType.MsgSnap)
    parts.push(`at ${message.snapshot?.metadata.index}/${message.snapshot?.metadata.term}`);
  else if (type === MessageType.MsgVote || type === MessageType.MsgPreVote)
    parts.push(`log ends ${index}/${logTerm}`);
  else if (type === MessageType.MsgAppResp && reject)
    parts.push(`no at ${index}, perhaps ${rejectHint}/${logTerm}`);
  else if (type === MessageType.MsgAppResp) parts.push(`has ${index}`);
  else if (type === MessageType.MsgVoteResp || type === MessageType.MsgPreVoteResp)
    parts.push(reject ? 'no' : 'yes');
  else if (type === MessageType.MsgReadIndexResp) parts.push(`at ${index}`);
  if (type === MessageType.MsgApp || type === MessageType.MsgHeartbeat)
    parts.push(`committed ${commit}`);
  if (message.context.toString('latin1') === 'CampaignTransfer') parts.push('by hand-over');
  return parts.filter((part) => part !== '').join(', ');
}

function listed(entries: readonly Entry[]): string {
  return entries
    .map(({ Index, Term, Type, Data }) => {
      if (Type !== EntryType.EntryNormal) return `${Index}/${Term} (change)`;
      return Data.length === 0 ? `${Index}/${Term}` : `${Index}/${Term} "${Data.toString()}"`;
    })
    .join(' ');
}
