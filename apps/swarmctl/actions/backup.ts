import { randomBytes } from 'node:crypto';
import { open, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { isSealed, readBackup, writeBackup } from '@swarmkit/sdk/model/backup-file';
import { timestampToMs } from '@swarmkit/sdk/model/time';
import { messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { BackupHead } from '@swarmkit/sdk/wire/gen/node/backup';
import type { Io } from '../io.js';
import { fields } from '../output/fields.js';
import { sizeText } from '../output/size.js';
import type { Answer } from '../session.js';
import { usage } from '../spec/units.js';

export interface PassphraseFlags {
  readonly passphraseFile?: string;
}

export interface BackupFlags extends PassphraseFlags {
  readonly encrypt?: boolean;
}

export interface RestoreFlags extends PassphraseFlags {
  readonly stateDir: string;
  readonly advertiseAddr?: string;
}

const OPEN =
  'It is NOT encrypted: whoever reads it has every secret and the root key of the cluster. Only you may read it (mode 0600); keep it so, or make it again with --encrypt.';

export async function backup(
  answer: Answer,
  io: Io,
  socket: string,
  file: string,
  flags: BackupFlags,
): Promise<void> {
  const passphrase = await givenPassphrase(io, flags, flags.encrypt === true);
  const { head, store } = await io.backup(socket);
  const bytes = writeBackup({ head, store }, passphrase, randomBytes);
  await writeNew(file, bytes);
  const encrypted = passphrase !== undefined;
  if (answer.json) answer.sayJson({ ...about(head), file, bytes: bytes.length, encrypted });
  else
    answer.say(
      `${describe(head, file, bytes.length)}\n\n${encrypted ? 'It is encrypted: without the passphrase nobody can use it, you neither.' : OPEN}`,
    );
}

export async function restore(
  answer: Answer,
  io: Io,
  file: string,
  flags: RestoreFlags,
): Promise<void> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new SwarmError(
      'not-found',
      'CTL_BACKUP_FILE',
      `the backup ${file} cannot be read: ${messageOf(cause)}`,
      { cause },
    );
  });
  const passphrase = isSealed(bytes) ? await givenPassphrase(io, flags, true) : undefined;
  const { head, store } = readBackup(bytes, passphrase);
  const { restoreStateFolder } = await import('@swarmkit/swarmd/offline');
  const made = await restoreStateFolder(flags.stateDir, { head, store }, flags.advertiseAddr ?? '');
  if (answer.json) {
    answer.sayJson({ ...about(head), stateDir: made.dir, node: made.nodeId, locked: made.locked });
    return;
  }
  answer.say(
    fields([
      ['Cluster', head.clusterId],
      ['State', `as of ${takenAt(head)}, entry ${head.index}`],
      ['This manager', `node ${made.nodeId}, the only manager now`],
      ['Managers before', 'no managers any more; their nodes are still listed'],
      ['State folder', made.dir],
    ]),
  );
  answer.say(
    `\nStart it: swarmd -d ${made.dir}${made.locked ? ', then swarmctl unlock: the cluster is locked' : ''}\nWorkers that do not find it: restart them with --join-addr and its address.`,
  );
}

/** Of the flag, of the environment, or typed. */
async function givenPassphrase(
  io: Io,
  { passphraseFile }: PassphraseFlags,
  mayAsk: boolean,
): Promise<string | undefined> {
  if (passphraseFile !== undefined) {
    const [line = ''] = (
      await readFile(passphraseFile, 'utf8').catch((cause: unknown) => {
        throw usage(`the passphrase file ${passphraseFile} cannot be read: ${messageOf(cause)}`);
      })
    ).split('\n');
    if (line === '') throw usage(`the first line of ${passphraseFile} is empty`);
    return line;
  }
  if (io.env.SWARM_BACKUP_PASSPHRASE) return io.env.SWARM_BACKUP_PASSPHRASE;
  if (!mayAsk) return undefined;
  const typed = await io.secret('Passphrase: ');
  if (typed === '') throw usage('there is no passphrase; type it, or give --passphrase-file');
  return typed;
}

/** Nobody else may read it from its first byte on. What is there already is never replaced. */
async function writeNew(file: string, bytes: Buffer): Promise<void> {
  const handle = await open(file, 'wx', 0o600).catch((cause: unknown) => {
    throw new SwarmError(
      'failed-precondition',
      'CTL_BACKUP_FILE',
      `the backup ${file} cannot be made: ${messageOf(cause)}`,
      { cause },
    );
  });
  try {
    await handle.chmod(0o600);
    await handle.writeFile(bytes);
    await handle.sync();
    await handle.close();
    const folder = await open(path.dirname(path.resolve(file)), 'r');
    await folder.sync().finally(() => folder.close());
  } catch (cause) {
    await rm(file, { force: true });
    throw cause;
  }
}

const takenAt = ({ takenAt: at }: BackupHead): string =>
  at === undefined ? '' : new Date(timestampToMs(at)).toISOString();

const about = (head: BackupHead) => ({
  cluster: head.clusterId,
  takenAt: takenAt(head),
  takenFrom: head.nodeId,
  index: Number(head.index),
});

const describe = (head: BackupHead, file: string, bytes: number): string =>
  fields([
    ['Backup', `${file}, ${sizeText(BigInt(bytes))}`],
    ['Cluster', head.clusterId],
    ['State', `as of entry ${head.index}, everything acknowledged before is in it`],
    ['Taken from', `node ${head.nodeId}`],
  ]);
