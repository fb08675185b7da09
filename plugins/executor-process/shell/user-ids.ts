import { chownSync, readFileSync } from 'node:fs';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { TaskFolder } from './task-folder.js';

/** `user[:group]` as the ids that a process is started with; the folder then belongs to that user. */
export function userIds(
  user: string,
  folder: TaskFolder,
): { readonly uid?: number; readonly gid?: number } {
  if (user === '') return {};
  const [name = '', group] = user.split(':');
  const entry = lookUp('/etc/passwd', name);
  const uid = /^\d+$/.test(name) ? Number(name) : entry && Number(entry[2]);
  const gid =
    group === undefined
      ? entry && Number(entry[3])
      : /^\d+$/.test(group)
        ? Number(group)
        : Number(lookUp('/etc/group', group)?.[2] ?? Number.NaN);
  if (uid === undefined || Number.isNaN(gid))
    throw new SwarmError(
      'not-found',
      'PROCESS_NO_USER',
      `unable to find user ${user}: no matching entries in the passwd or group file`,
    );
  for (const file of ['', 'stdout', 'stderr']) chownSync(folder.file(file), uid, gid ?? uid);
  return { uid, gid: gid ?? uid };
}

const lookUp = (file: string, name: string): readonly string[] | undefined =>
  readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find((fields) => fields[0] === name || (/^\d+$/.test(name) && fields[2] === name));
