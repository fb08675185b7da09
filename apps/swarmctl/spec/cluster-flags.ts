import { readFile } from 'node:fs/promises';
import { durationToMs } from '@swarmkit/sdk/model/time';
import { messageOf } from '@swarmkit/sdk/plugin/errors';
import { KeyRotation } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { ClusterSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  CAConfig,
  ExternalCA,
  ExternalCA_CAProtocol,
  RaftConfig,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { count, duration, oneOf, pair, unreadable, usage } from './units.js';

/** What `cluster update` changes, from the words on its command line. */
export interface ClusterFlags {
  readonly rotateJoinToken?: readonly string[];
  readonly rotateUnlockKey?: boolean;
  readonly rotateRootCa?: boolean;
  readonly autolock?: string;
  readonly certExpiry?: string;
  readonly snapshotInterval?: string;
  readonly maxSnapshots?: string;
  readonly externalCa?: readonly string[];
  readonly caCert?: string;
  readonly caKey?: string;
}

const switchWords = { true: true, on: true, false: false, off: false } as const;
const joinRoles = { worker: 'workerJoinToken', manager: 'managerJoinToken' } as const;

/** Files are read once, before the spec is known. */
export interface ClusterFiles {
  readonly caCert: Buffer | undefined;
  readonly caKey: Buffer | undefined;
  readonly externalCas: readonly ExternalCA[] | undefined;
}

export async function readClusterFiles(flags: ClusterFlags): Promise<ClusterFiles> {
  if (flags.rotateRootCa && flags.caCert !== undefined)
    throw usage('--rotate-root-ca makes a root of its own and --ca-cert gives one: choose');
  const externals = flags.externalCa;
  return {
    caCert: await file('--ca-cert', flags.caCert),
    caKey: await file('--ca-key', flags.caKey),
    externalCas: externals && (await Promise.all(externals.map(externalCa))),
  };
}

export const rotationOf = (flags: ClusterFlags): KeyRotation => {
  const tokens = (flags.rotateJoinToken ?? []).map((role) => [
    oneOf('--rotate-join-token', joinRoles, role),
    true,
  ]);
  return KeyRotation.fromPartial({
    ...Object.fromEntries(tokens),
    managerUnlockKey: flags.rotateUnlockKey === true,
  });
};

export function applyClusterFlags(
  spec: ClusterSpec,
  flags: ClusterFlags,
  files: ClusterFiles,
): ClusterSpec {
  const { autolock, certExpiry, rotateRootCa, snapshotInterval, maxSnapshots } = flags;
  const caConfig = spec.caConfig ?? CAConfig.create();
  return {
    ...spec,
    ...(autolock !== undefined && {
      encryptionConfig: { autoLockManagers: oneOf('--autolock', switchWords, autolock) },
    }),
    ...((snapshotInterval ?? maxSnapshots) !== undefined && {
      raft: {
        ...(spec.raft ?? RaftConfig.create()),
        ...(snapshotInterval !== undefined && {
          snapshotInterval: count('--snapshot-interval', snapshotInterval),
        }),
        ...(maxSnapshots !== undefined && {
          keepOldSnapshots: count('--max-snapshots', maxSnapshots),
        }),
      },
    }),
    caConfig: {
      ...caConfig,
      ...(certExpiry !== undefined && { nodeCertExpiry: expiry(certExpiry) }),
      ...(files.externalCas && { externalCas: files.externalCas }),
      ...(files.caCert && { signingCaCert: files.caCert }),
      ...(files.caKey && { signingCaKey: files.caKey }),
      ...(rotateRootCa && { forceRotate: caConfig.forceRotate + 1n }),
    },
  };
}

function expiry(text: string) {
  const span = duration('--cert-expiry', text);
  if (durationToMs(span) < 3_600_000)
    throw unreadable('--cert-expiry', text, 'certificates live for at least 1h');
  return span;
}

/** `https://ca.example/sign`, or `protocol=cfssl,url=https://ca.example/sign,cacert=FILE`. */
async function externalCa(text: string): Promise<ExternalCA> {
  const parts = new Map(text.includes('=') ? text.split(',').map(pair) : [['url', text]]);
  for (const key of parts.keys())
    if (!['protocol', 'url', 'cacert'].includes(key))
      throw unreadable('--external-ca', text, `${key} is not known; write url=URL,cacert=FILE`);
  const url = parts.get('url') ?? '';
  if (!url.startsWith('https://'))
    throw unreadable('--external-ca', text, 'its url must begin with https://');
  oneOf('--external-ca', { cfssl: true }, parts.get('protocol') ?? 'cfssl');
  const caCert = await file('--external-ca', parts.get('cacert'));
  return ExternalCA.fromPartial({
    protocol: ExternalCA_CAProtocol.CFSSL,
    url,
    ...(caCert && { caCert }),
  });
}

async function file(flag: string, path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path);
  } catch (error) {
    throw usage(`${flag}: ${path} cannot be read (${messageOf(error)})`);
  }
}
