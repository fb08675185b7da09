import assert from 'node:assert/strict';
import { test } from 'node:test';
import { staleRead } from '@swarmkit/sdk/model/stale-read';
import { IssueNodeCertificateRequest, NodeCAService } from '@swarmkit/sdk/wire/gen/swarmkit/ca';
import { ControlService } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { DispatcherService } from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import { LogBrokerService, PublishLogsMessage } from '@swarmkit/sdk/wire/gen/swarmkit/logbroker';
import { SessionRequest } from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import { addressOf, socketOf, TwoManagers } from './two-managers.js';

const heartbeat = (sessionId = 'session') => [DispatcherService.heartbeat, { sessionId }] as const;
const noLeader = {
  kind: 'unknown',
  code: 'RPC_REMOTE',
  message: /^The swarm does not have a leader/,
};

test('a call on a follower is answered by the leader, which sees the caller', async () => {
  const two = TwoManagers.secondLeads();
  await two.connect().unary(...heartbeat());
  const [call] = two.managers[1].calls;
  assert.deepEqual(call?.peer, {
    nodeId: 'worker',
    clusterId: 'cluster',
    role: 'worker',
    forwardedBy: 'manager-1',
    address: '192.168.7.7:5555',
  });
  assert.equal(call?.metadata.get('redirect'), '192.168.7.7:5555');
  assert.equal(call?.metadata.get('forwarded_cert_ou'), 'swarm-worker');
});

test('a newcomer without a certificate stays nobody', async () => {
  const two = TwoManagers.secondLeads();
  const newcomer = two.connect(addressOf(1n), {
    nodeId: '',
    role: 'none',
    address: '192.168.7.8:1',
  });
  const request = IssueNodeCertificateRequest.create({ token: 'T' });
  assert.equal((await newcomer.unary(NodeCAService.issueNodeCertificate, request)).nodeId, 'T');
  const [call] = two.managers[1].calls;
  assert.deepEqual(call?.peer, {
    nodeId: '',
    clusterId: '',
    role: 'none',
    forwardedBy: 'manager-1',
    address: '192.168.7.8:1',
  });
  assert.equal(call?.metadata.get('forwarded_cert'), 'true');
  assert.equal(call?.metadata.get('forwarded_cert_cn'), '');
  assert.equal(call?.metadata.has('forwarded_cert_ou'), false);
});

test('what a caller claims about itself is replaced; the rest of its metadata travels', async () => {
  const two = TwoManagers.secondLeads();
  const metadata = { 'x-trace': '7', remote_addr: '6.6.6.6:6', forwarded_cert_cn: 'evil' };
  await two.connect().unary(...heartbeat(), { metadata });
  const [call] = two.managers[1].calls;
  assert.equal(call?.metadata.get('x-trace'), '7');
  assert.equal(call?.peer.nodeId, 'worker');
  assert.equal(call?.peer.address, '192.168.7.7:5555');
});

test('who asks for a stale read is answered here, and who asks for more is not', async () => {
  const two = TwoManagers.secondLeads();
  const connection = two.connect(socketOf(1n), { nodeId: 'manager-1', clusterId: 'cluster' });
  const read = [ControlService.listNodes, { filters: undefined }] as const;
  await connection.unary(...read, { metadata: staleRead });
  await connection.unary(...read, { metadata: { 'swarmkit-read': 'fresh' } });
  assert.deepEqual(
    two.managers.map(({ calls }) => calls.length),
    [1, 1],
  );
});

test("on the socket it is the manager's own call", async () => {
  const two = TwoManagers.secondLeads();
  const metadata = { forwarded_cert_cn: 'evil' };
  await two
    .connect(socketOf(1n), { nodeId: 'manager-1', clusterId: 'cluster' })
    .unary(ControlService.listNodes, { filters: undefined }, { metadata });
  const [call] = two.managers[1].calls;
  assert.deepEqual(call?.peer, {
    nodeId: 'manager-1',
    clusterId: 'cluster',
    role: 'manager',
    address: '10.0.0.1:50000',
  });
  assert.equal(call?.metadata.has('forwarded_cert_cn'), false);
  assert.equal(call?.metadata.has('redirect'), true);
  assert.equal(two.managers[0].calls.length, 0);
});

test('Control on the remote port is answered by the follower', async () => {
  const two = TwoManagers.secondLeads();
  await two.connect().unary(ControlService.listNodes, { filters: undefined });
  assert.equal(two.managers[0].calls.length, 1);
});

test('a leader answers itself', async () => {
  const two = TwoManagers.secondLeads();
  await two.connect(addressOf(2n)).unary(...heartbeat());
  await two
    .connect(socketOf(2n), { nodeId: 'manager-2' })
    .unary(ControlService.listNodes, { filters: undefined });
  const via = two.managers[1].calls.map(({ peer }) => peer.forwardedBy);
  assert.deepEqual(via, [undefined, undefined]);
});

test('what the leader refuses comes back as it said it', async () => {
  const two = TwoManagers.secondLeads();
  await assert.rejects(two.connect().unary(...heartbeat('wrong')), {
    kind: 'invalid-argument',
    message: 'session invalid',
  });
  await assert.rejects(
    two.connect().unary(DispatcherService.updateVolumeStatus, { sessionId: '', updates: [] }),
    { kind: 'unimplemented' },
  );
});

test('a call goes through one manager at most', async () => {
  const two = TwoManagers.secondLeads();
  // Each takes the other for the leader.
  two.managers[1].hears(1n);
  await assert.rejects(two.connect().unary(...heartbeat()), {
    kind: 'resource-exhausted',
    message: 'more than one redirect to leader from: [192.168.7.7:5555]',
  });
  const manager = { nodeId: 'manager-2', clusterId: 'cluster', address: '10.0.0.2:1' };
  await assert.rejects(
    two.connect(addressOf(1n), manager).unary(...heartbeat(), {
      metadata: {
        forwarded_cert: 'true',
        forwarded_cert_cn: 'w',
        forwarded_cert_org: 'cluster',
        forwarded_cert_ou: 'swarm-worker',
        remote_addr: '7.7.7.7:7',
      },
    }),
    { message: 'more than one redirect to leader from: [7.7.7.7:7]' },
  );
});

test('without a leader a call waits, and fails in words after ten seconds', async () => {
  const two = new TwoManagers();
  const call = two.connect().unary(...heartbeat());
  const refused = assert.rejects(call, noLeader);
  await two.clock.advance(12_000);
  await refused;
  // The time counts from the loss of the leader: the next one is told at once.
  await assert.rejects(two.connect().unary(...heartbeat()), noLeader);
});

test('a call that waits goes on when there is a leader', async () => {
  const two = new TwoManagers();
  const call = two.connect().unary(...heartbeat());
  await two.clock.advance(3_000);
  for (const manager of two.managers) manager.hears(2n);
  two.managers[1].serve();
  await two.clock.advance(100);
  await call;
  assert.equal(two.managers[1].calls.length, 1);
});

test('a call that waits is answered here when this manager wins', async () => {
  const two = new TwoManagers();
  const call = two.connect().unary(...heartbeat());
  const stream = two
    .connect()
    .serverStream(DispatcherService.session, SessionRequest.create())
    [Symbol.asyncIterator]();
  const first = stream.next();
  await two.clock.advance(1_000);
  two.managers[0].hears(1n);
  await two.clock.advance(500);
  two.managers[0].serve();
  await two.clock.advance(500);
  await call;
  assert.equal((await first).value?.sessionId, '0');
  assert.equal(two.managers[0].calls[0]?.peer.forwardedBy, undefined);
  await stream.return?.();
});

test('a service that the leader does not have is said to be missing', async () => {
  const two = new TwoManagers();
  two.managers[0].hears(1n);
  const call = two.connect().unary(...heartbeat());
  const refused = assert.rejects(call, { kind: 'unimplemented' });
  await two.clock.advance(4_000);
  await refused;
  await assert.rejects(two.connect().unary(...heartbeat()), { kind: 'unimplemented' });
});

test('a caller that gives up is forgotten', async () => {
  const two = new TwoManagers();
  const call = two.connect().unary(...heartbeat(), { timeoutMs: 1_500 });
  const refused = assert.rejects(call, { kind: 'deadline-exceeded' });
  await two.clock.advance(2_000);
  await refused;
  await two.clock.advance(2_000);
  assert.equal(two.managers[0].server.inProgress, 0);
  assert.equal(two.clock.armed, 0);
});

test('a unary call that does not reach the leader is tried once more', async () => {
  const two = TwoManagers.secondLeads();
  two.managers[1].server.up = false;
  const call = two.connect().unary(...heartbeat());
  await two.clock.advance(1_700);
  two.managers[1].server.up = true;
  await two.clock.advance(600);
  await call;
  two.managers[1].server.up = false;
  const late = two.connect().unary(...heartbeat());
  const refused = assert.rejects(late, noLeader);
  for (const manager of two.managers) manager.hears(0n);
  await two.clock.advance(12_000);
  await refused;
});

test('a stream is passed on message by message, no faster than it is read', async () => {
  const two = TwoManagers.secondLeads();
  const stream = two
    .connect()
    .serverStream(DispatcherService.session, SessionRequest.create())
    [Symbol.asyncIterator]();
  assert.equal((await stream.next()).value?.sessionId, '0');
  await two.clock.advance(1_000);
  const ahead = two.managers[1].sent;
  assert.ok(ahead < 100, `${ahead} messages were sent to a reader that read one`);
  for (let i = 1; i < 200; i++) assert.equal((await stream.next()).value?.sessionId, `${i}`);
  await stream.return?.();
  await two.clock.advance(100);
  assert.equal(two.managers[1].calls[0]?.signal.aborted, true);
  assert.equal(two.managers[1].server.inProgress, 0);
});

test('a stream from the client is passed on, and its end too', async () => {
  const two = TwoManagers.secondLeads();
  async function* logs() {
    for (let i = 0; i < 50; i++) yield PublishLogsMessage.create();
  }
  assert.deepEqual(await two.connect().clientStream(LogBrokerService.publishLogs, logs()), {});
  assert.equal(two.managers[1].received, 50);
});

test('streams end when another leads; a unary call may still be answered for a while', async () => {
  const two = TwoManagers.secondLeads();
  const stream = two
    .connect()
    .serverStream(DispatcherService.session, SessionRequest.create())
    [Symbol.asyncIterator]();
  await stream.next();
  const call = two.connect().unary(...heartbeat('never'));
  const unanswered = assert.rejects(call, {
    kind: 'unavailable',
    message: /may have been carried/,
  });
  await two.clock.advance(10);
  // Manager 2 is cut off: it does not know.
  two.managers[0].hears(1n);
  const read = async (): Promise<void> => {
    while ((await stream.next()).done !== true);
  };
  await assert.rejects(read(), { kind: 'unavailable', message: /another manager leads now/ });
  await two.clock.advance(1_900);
  assert.equal(two.managers[0].server.inProgress, 1);
  await two.clock.advance(200);
  await unanswered;
});

test('who stops ends what it passes on', async () => {
  const two = TwoManagers.secondLeads();
  const stream = two
    .connect()
    .serverStream(DispatcherService.session, SessionRequest.create())
    [Symbol.asyncIterator]();
  await stream.next();
  two.managers[0].proxy.stop();
  await assert.rejects(async () => {
    while ((await stream.next()).done !== true);
  });
  await assert.rejects(two.connect().unary(...heartbeat()), { kind: 'unavailable' });
});
