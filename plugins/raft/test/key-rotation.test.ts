import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { DataKeySet, DataKeys } from '@swarmkit/sdk/contracts/data-keys';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { MemoryDisk } from '@swarmkit/sdk/testkit/memory-disk';
import { TapeMachine } from '@swarmkit/sdk/testkit/tape-machine';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { NEVER } from 'rxjs';
import { LogCipher } from '../shell/log-cipher.js';
import { SingleMember } from './single-member.js';

/** As the key file keeps them; what it was given is on its disk. */
class KeyFile implements DataKeys {
  readonly changed$ = NEVER;
  keys: DataKeySet = { current: undefined, pending: undefined, needsRotation: false };
  writes = 0;

  read(): DataKeySet {
    return this.keys;
  }

  async write(keys: DataKeySet): Promise<void> {
    this.writes++;
    this.keys = keys;
  }
}

const texts = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => `secret ${from + i}`);

describe('a log under a key', () => {
  let disk: MemoryDisk;
  let file: KeyFile;
  let lives = 0;
  const lead = () =>
    new SingleMember(
      disk.start(),
      { snapshotInterval: 20, keepEntries: 5 },
      undefined,
      new VirtualEnv(`life ${lives++}`),
      undefined,
      file,
    ).lead();
  const isReadable = (): boolean =>
    disk.contents('raft').some(([, value]) => Buffer.from(value).includes('secret'));
  /** Every record opens with the present keys alone. */
  const checkKeys = (): void => {
    const cipher = new LogCipher({ bytes: (count) => new Uint8Array(count) });
    const { current, pending } = file.keys;
    cipher.use([current, pending].filter((key) => key !== undefined));
    for (const [key, value] of disk.contents('raft')) assert.ok(cipher.unseal(key, value));
  };

  beforeEach(() => {
    disk = new MemoryDisk();
    file = new KeyFile();
  });

  it('shows nothing of what is in it, and opens again', async () => {
    const first = await lead();
    for (const text of texts(50)) await first.propose(text);
    await first.node.stop();
    await disk.stop();
    assert.equal(isReadable(), false);
    checkKeys();
    const second = await lead();
    assert.deepEqual(second.machine.tape, texts(50));
    await second.node.stop();
  });

  it('does not open without its key, and says why', async () => {
    const first = await lead();
    await first.propose('secret');
    await first.node.stop();
    await disk.stop();
    file = new KeyFile();
    await assert.rejects(lead(), (error) => isSwarmError(error) && error.code === 'RAFT_KEY');
  });

  it('changes its key while it is written to, also twice at once', async () => {
    const { node, machine } = await lead();
    const old: (Uint8Array | undefined)[] = [file.keys.current];
    for (const text of texts(50)) await node.propose(Buffer.from(text));
    node.rotateKey();
    node.rotateKey();
    for (const text of texts(50, 50)) await node.propose(Buffer.from(text));
    while (file.keys.pending !== undefined || file.writes < 5) await node.propose(Buffer.from('x'));
    assert.ok(!old.includes(file.keys.current));
    checkKeys();
    await node.stop();
    await disk.stop();
    const second = await lead();
    assert.deepEqual(second.machine.tape, machine.tape);
    await second.node.stop();
  });

  it('goes on with a change of the key that a full disk has interrupted', async () => {
    const env = new VirtualEnv('full');
    const place = [new TapeMachine(), env, undefined, file] as const;
    const { node } = await new SingleMember(disk.start(), {}, ...place).lead();
    for (const text of texts(30)) await node.propose(Buffer.from(text));
    disk.full = true;
    node.rotateKey();
    await env.clock.advance(100);
    const { pending } = file.keys;
    assert.notEqual(pending, undefined);
    disk.full = false;
    await env.clock.until(() => file.keys.pending === undefined);
    assert.deepEqual([file.keys.current, file.writes], [pending, 3]);
    checkKeys();
    await node.stop();
  });

  it('goes on with a change of the key that a crash has interrupted', async () => {
    const first = await lead();
    for (const text of texts(30)) await first.propose(text);
    first.node.rotateKey();
    while (file.keys.pending === undefined) await new Promise((resolve) => setImmediate(resolve));
    disk.crash();
    void first.node.stop();
    assert.notEqual(file.keys.pending, undefined);
    const second = await lead();
    assert.deepEqual(second.machine.tape, texts(30));
    while (file.keys.pending !== undefined) await second.propose('x');
    checkKeys();
    await second.node.stop();
  });

  it('encrypts by and by a log that was begun without a key', async () => {
    const plain = await new SingleMember(disk.start()).lead();
    for (const text of texts(10)) await plain.propose(text);
    await plain.node.stop();
    await disk.stop();
    assert.equal(isReadable(), true);
    const { node, machine } = await lead();
    assert.deepEqual(machine.tape, texts(10));
    node.rotateKey();
    while (file.writes < 3) await node.propose(Buffer.from('x'));
    assert.equal(isReadable(), false);
    await node.stop();
  });

  it('takes its keys along when it is forgotten', async () => {
    const { node } = await lead();
    await node.stop(true);
    assert.equal(file.keys.current, undefined);
    assert.deepEqual(disk.contents('raft'), []);
  });
});
