/**
 * A manager's own certificate in the wrong hands, over real TLS against real daemons: messages that cannot
 * be true, bytes that are no messages, floods, a foreign cluster, a member that was removed. Each is
 * refused or dropped and counted; nobody stops, nobody else leads, and writes are acknowledged.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { MethodDefinition } from '@grpc/grpc-js';
import { nodeCredentials, openConnection } from '@swarmkit/sdk/client/connection';
import type { RpcConnection } from '@swarmkit/sdk/contracts/rpc';
import { LinkService } from '@swarmkit/sdk/wire/gen/raftlink/link';
import { Message, MessageType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { RaftService } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { NodeRole } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Cleanup } from '../harness/cleanup.js';
import { ConfigWriter } from '../harness/config-writer.js';
import { ManagerGroup, type ManagerProcess } from '../harness/manager-group.js';
import { residentBytes } from '../harness/process-cost.js';
import { sameStores } from '../harness/stores.js';
import { defined } from '../harness/swarm.js';
import { until } from '../harness/until.js';

const MAX = (1n << 64n) - 1n;
const FLOOD = { parcels: 600, messages: 500 };
const FLOOD_BYTES = 150 * 1024 * 1024;

const cleanup = new Cleanup();
after(() => cleanup.run());

interface Papers {
  readonly rootsPem: string;
  readonly certificatePem: string;
  readonly keyPem: string;
}

const papersOf = ({ daemon }: ManagerProcess): Papers => {
  const read = (name: string): string =>
    readFileSync(path.join(daemon.stateDir, 'certificates', name), 'utf8');
  return {
    rootsPem: read('swarm-root-ca.crt'),
    certificatePem: read('swarm-node.crt'),
    // Its headers are the log's keys.
    keyPem: read('swarm-node.key').replace(/^[\w-]+: .*\n\n?/gm, ''),
  };
};

async function* all<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

describe('a manager that sends what it never should, over TLS', () => {
  let group: ManagerGroup;
  let writer: ConfigWriter;
  let victim: ManagerProcess;
  let culprit: ManagerProcess;
  let papers: Papers;
  let connection: RpcConnection;
  let passed = 0;

  before(async () => {
    group = await ManagerGroup.start(3, cleanup);
    writer = new ConfigWriter(group);
    victim = await group.leader();
    culprit = defined(group.managers.find((one) => one !== victim));
    papers = papersOf(culprit);
    connection = as(papers);
  });
  after(() => {
    if (passed < 5) process.stderr.write(group.lastWords());
  });

  /** Connects to the victim with these papers. */
  const as = (who: Papers): RpcConnection => {
    const identity = {
      ...{ ...who, nodeId: '', clusterId: '', role: 'manager' as const, notAfter: Infinity },
      ...{ issuerSubject: new Uint8Array(), issuerPublicKey: new Uint8Array() },
    };
    const trust = nodeCredentials(identity, Date.now);
    const made = openConnection(victim.address, () => trust, Date.now);
    cleanup.add('connection', () => made.close());
    return made;
  };

  const raftIdOf = async ({ address }: ManagerProcess): Promise<bigint> => {
    const found = (await group.nodes()).find(
      ({ managerStatus }) => managerStatus?.addr === address,
    );
    return defined(found?.managerStatus?.raftId);
  };

  /** The victim says in its log that it counts this. */
  const counted = (reason: string): Promise<unknown> =>
    until(`it counts ${reason}`, () => victim.daemon.output.includes(`"reason":"${reason}"`));

  const goesOn = async (): Promise<void> => {
    const writing = writer.run(2);
    await writer.acknowledges(10);
    writer.stop();
    await writing;
    assert.equal(await group.leader(), victim, 'the leader leads still');
    assert.notEqual(victim.daemon.pid, 0);
    assert.deepEqual(await writer.missing(), []);
    await sameStores(group);
    passed++;
  };

  it('is not heard: numbers that cannot be', async () => {
    const [from, to] = [await raftIdOf(culprit), await raftIdOf(victim)];
    const { MsgApp, MsgHeartbeat, MsgSnap, MsgVote, MsgAppResp } = MessageType;
    const metadata = { index: MAX, term: MAX, confState: { voters: [from] } };
    const messages: readonly Partial<Message>[] = [
      { type: MsgApp, term: MAX },
      { type: MsgApp, term: 1n << 61n, index: MAX, logTerm: MAX, commit: MAX },
      { type: MsgHeartbeat, term: 0n, commit: MAX },
      { type: MsgAppResp, term: 3n, index: MAX, rejectHint: MAX, reject: true },
      { type: MsgVote, term: MAX - 1n, index: MAX, logTerm: MAX },
      {
        type: MsgSnap,
        term: 1n << 61n,
        snapshot: { data: Buffer.alloc(99, 7), metadata } as never,
      },
      { type: MsgHeartbeat, from: 0n },
      { type: MsgHeartbeat, from: to },
      { type: MsgHeartbeat, from: MAX },
      { type: MsgHeartbeat, to: MAX },
      { type: 99 as MessageType },
    ];
    for (const fields of messages) {
      const message = Message.create({ from, to, term: 3n, ...fields });
      const settle = (call: Promise<unknown>): Promise<unknown> => call.catch(() => undefined);
      await settle(connection.unary(RaftService.processRaftMessage, { message }));
      await settle(connection.clientStream(RaftService.streamRaftMessage, all([{ message }])));
      await settle(connection.clientStream(LinkService.send, all([{ messages: [message] }])));
    }
    await counted('impossible term');
    await counted('from nobody');
    await counted('to another member');
    await goesOn();
  });

  it('is not heard: bytes that are no messages', async () => {
    const raw = <Q, S>(method: MethodDefinition<Q, S>): MethodDefinition<Buffer, S> => ({
      ...method,
      requestSerialize: (bytes: Buffer) => bytes,
      requestDeserialize: (bytes: Buffer) => bytes,
    });
    const noise = Buffer.from(Array.from({ length: 4_096 }, (_, n) => (n * 7_919) & 0xff));
    for (const method of [LinkService.send, RaftService.streamRaftMessage])
      await assert.rejects(
        connection.clientStream(raw(method as MethodDefinition<unknown, unknown>), all([noise])),
        /cannot be read/,
      );
    await assert.rejects(
      connection.clientStream(raw(LinkService.send), all([Buffer.alloc(5 * 1024 * 1024)])),
    );
    await counted('bad-message');
    const session = connect(`https://${victim.address}`, {
      ca: papers.rootsPem,
      cert: papers.certificatePem,
      key: papers.keyPem,
      servername: 'swarm-manager',
    });
    cleanup.add('HTTP/2 session', () => session.destroy());
    session.on('error', () => undefined);
    for (const method of [LinkService.send, RaftService.streamRaftMessage]) {
      // 1 GiB is announced and never comes; half a frame, and the end; half a frame, and a reset.
      await begin(session, method.path, Buffer.from([0, 0x40, 0, 0, 0, 1]), 'answered');
      await begin(session, method.path, Buffer.from([0, 0, 0, 0, 99, 1]), 'ended');
      await begin(session, method.path, Buffer.from([0, 0, 0, 0, 99, 1]), 'reset');
    }
    await counted('oversize-message');
    await goesOn();
  });

  it('does not fill the memory of another by a flood', async (t) => {
    const [from, to] = [await raftIdOf(culprit), await raftIdOf(victim)];
    // Of a term long ago: each is answered, until too many answers wait.
    const late = Message.create({ type: MessageType.MsgHeartbeat, from, to, term: 1n });
    const before = residentBytes(victim.daemon.pid);
    let most = before;
    const parcels = function* (): Generator<{ readonly messages: readonly Message[] }> {
      for (let n = 0; n < FLOOD.parcels; n++) {
        most = Math.max(most, residentBytes(victim.daemon.pid));
        yield { messages: Array.from({ length: FLOOD.messages }, () => late) };
      }
    };
    const writing = writer.run(1);
    const from0 = writer.acknowledged;
    await connection.clientStream(LinkService.send, all(parcels()));
    writer.stop();
    await writing;
    t.diagnostic(
      `${FLOOD.parcels * FLOOD.messages} messages; ${Math.round((most - before) / 2 ** 20)} MiB more at the most; ` +
        `${writer.acknowledged - from0} writes acknowledged meanwhile`,
    );
    assert.ok(most - before < FLOOD_BYTES, `${most - before} bytes more`);
    await goesOn();
  });

  it('is not let in: a manager of another cluster', async () => {
    const foreign = await ManagerGroup.start(1, cleanup);
    const theirs = papersOf(defined(foreign.managers[0]));
    // It may well believe us.
    const call = as({ ...theirs, rootsPem: papers.rootsPem }).unary(
      LinkService.greet,
      { raftId: 1n, features: 0 },
      { timeoutMs: 20_000 },
    );
    await assert.rejects(call);
    await counted('bad-certificate');
    for (const { daemon } of foreign.managers) await daemon.kill();
    await goesOn();
  });

  it('is told so, when it was removed', async () => {
    const [from, to] = [await raftIdOf(culprit), await raftIdOf(victim)];
    const name = defined(
      (await group.nodes()).find(({ managerStatus }) => managerStatus?.raftId === from),
    ).id;
    await until('it is told its role', async () => {
      const node = defined((await group.nodes()).find(({ id }) => id === name));
      await group.ask((swarm) =>
        swarm.updateNode(node, (spec) => ({ ...spec, desiredRole: NodeRole.WORKER })),
      );
      return true;
    });
    await until(
      'it is no member',
      async () => (await group.nodes()).find(({ id }) => id === name)?.managerStatus === undefined,
    );
    group.managers.splice(group.managers.indexOf(culprit), 1);
    const message = Message.create({ type: MessageType.MsgHeartbeat, from, to, term: 3n });
    // With the certificate that said it was one, which is valid still.
    await assert.rejects(
      as(papers).unary(RaftService.processRaftMessage, { message }, { timeoutMs: 20_000 }),
      /member was removed from the cluster/,
    );
    await counted('from a removed member');
    await goesOn();
  });
});

/** A call with this in its body, until it is answered, or ended from this side. */
function begin(
  session: ClientHttp2Session,
  method: string,
  body: Buffer,
  how: 'answered' | 'ended' | 'reset',
): Promise<void> {
  return new Promise((resolve) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': method,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('error', () => undefined);
    stream.once('close', () => resolve());
    stream.resume();
    if (how === 'ended') stream.end(body);
    else stream.write(body, () => how === 'reset' && stream.close(8));
    if (how === 'answered') stream.once('response', () => stream.close());
  });
}
