/**
 * Who a container runs as: `user`, `uid`, `user:group`, `uid:gid`, looked up in the image's own
 * /etc/passwd and /etc/group as Docker does. A number needs no entry, a name does.
 */
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { OciUser } from './oci-types.js';

/** The image's files as text; '' where the image has none. */
export interface UserDatabase {
  readonly passwd: string;
  readonly group: string;
}

interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** `spec` '' is root. `extraGroups` are names or numbers that are added to the user's own. */
export function resolveUser(
  spec: string,
  extraGroups: readonly string[],
  database: UserDatabase,
): OciUser {
  const accounts = parsePasswd(database.passwd);
  const groups = parseGroup(database.group);
  const [userPart = '', groupPart] = spec.split(':');
  const wanted = userPart === '' ? '0' : userPart;
  // A user may be called by a number, so the name is tried first.
  const account =
    accounts.find((entry) => entry.name === wanted) ??
    accounts.find((entry) => entry.uid === numeric(wanted));
  const uid = account?.uid ?? numeric(wanted);
  if (uid === undefined)
    throw unknown(`unable to find user ${wanted}: no matching entries in passwd file`);
  const gid =
    groupPart === undefined || groupPart === '' ? (account?.gid ?? 0) : groupId(groupPart, groups);
  // As Docker: a group named outright replaces the groups that the user is a member of.
  const memberships =
    groupPart === undefined || groupPart === ''
      ? groups.filter((group) => account !== undefined && group.members.includes(account.name))
      : [];
  const additional = new Set([
    ...memberships.map((group) => group.gid),
    ...extraGroups.map((name) => groupId(name, groups)),
  ]);
  return additional.size === 0
    ? { uid, gid }
    : { uid, gid, additionalGids: [...additional].sort((a, b) => a - b) };
}

function groupId(name: string, groups: readonly Group[]): number {
  const found = groups.find((group) => group.name === name)?.gid ?? numeric(name);
  if (found === undefined)
    throw unknown(`unable to find group ${name}: no matching entries in group file`);
  return found;
}

const parsePasswd = (text: string): readonly Account[] =>
  fields(text).flatMap(([name = '', , uid = '', gid = '']) => {
    const account = { name, uid: numeric(uid), gid: numeric(gid) };
    return account.uid === undefined || account.gid === undefined
      ? []
      : [{ name, uid: account.uid, gid: account.gid }];
  });

const parseGroup = (text: string): readonly Group[] =>
  fields(text).flatMap(([name = '', , id = '', members = '']) => {
    const gid = numeric(id);
    return gid === undefined
      ? []
      : [{ name, gid, members: members.split(',').map((member) => member.trim()) }];
  });

const fields = (text: string): readonly string[][] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'));

/** The kernel's range; -1 means "unchanged" there and is no user. */
const numeric = (text: string): number | undefined =>
  /^\d{1,10}$/.test(text) && Number(text) < 2 ** 31 ? Number(text) : undefined;

const unknown = (sentence: string): SwarmError =>
  new SwarmError('not-found', 'CONTAINERD_USER', sentence);
