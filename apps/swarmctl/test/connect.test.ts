import assert from 'node:assert/strict';
import { linkSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { ListServicesRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { connect } from '../connect.js';

const dir = mkdtempSync(path.join(tmpdir(), 'swarmctl-connect-'));
after(() => rmSync(dir, { recursive: true, force: true }));

const listening = (server: Server, socket: string): Promise<void> =>
  new Promise((resolve) => server.listen(socket, resolve));

const refusal = async (call: () => unknown): Promise<string> => {
  try {
    await call();
  } catch (error) {
    assert.ok(isSwarmError(error), String(error));
    return `${error.code} ${error.kind}: ${error.message.replaceAll(dir, 'DIR')}`;
  }
  throw new Error('it was not refused');
};

const list = async (socket: string, callMs?: number): Promise<unknown> => {
  const control = connect(socket, callMs);
  try {
    return await control.listServices(ListServicesRequest.create());
  } finally {
    control.close();
  }
};

test('no socket, and what is none', async () => {
  const hint = 'start swarmd, or name its socket with --socket or SWARM_SOCKET';
  assert.equal(
    await refusal(() => connect(path.join(dir, 'none.sock'))),
    `CTL_NO_SOCKET unavailable: there is no control socket at DIR/none.sock; ${hint}`,
  );
  const file = path.join(dir, 'file');
  writeFileSync(file, '');
  assert.equal(
    await refusal(() => connect(file)),
    `CTL_NO_SOCKET unavailable: DIR/file is not a socket; ${hint}`,
  );
  assert.match(await refusal(() => connect(path.join(file, 'x.sock'))), /^CTL_NO_SOCKET/);
});

test('a socket that a dead daemon left behind', async () => {
  const server = createServer();
  await listening(server, path.join(dir, 'live.sock'));
  // Closing removes the name that it listened on, and leaves the other.
  linkSync(path.join(dir, 'live.sock'), path.join(dir, 'dead.sock'));
  await new Promise((resolve) => server.close(resolve));
  assert.equal(
    await refusal(() => list(path.join(dir, 'dead.sock'))),
    'CTL_UNREACHABLE unavailable: no swarmd answers at DIR/dead.sock (ECONNREFUSED); start swarmd, or name its socket with --socket or SWARM_SOCKET',
  );
});

test('a manager that hangs', async () => {
  const held = new Set<Socket>();
  const server = createServer((socket) => {
    held.add(socket);
    socket.on('error', () => undefined);
  });
  const socket = path.join(dir, 'hangs.sock');
  await listening(server, socket);
  try {
    assert.match(
      await refusal(() => list(socket, 200)),
      /^CTL_TIMEOUT deadline-exceeded: the manager at DIR\/hangs.sock has not answered in time; /,
    );
  } finally {
    for (const one of held) one.destroy();
    server.close();
  }
});
