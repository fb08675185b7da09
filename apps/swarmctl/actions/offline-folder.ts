import { openStateFolder, type StateFolder } from '@swarmkit/swarmd/offline';
import type { Io } from '../io.js';
import { usage } from '../spec/units.js';

export interface FolderFlags {
  readonly stateDir: string;
  readonly unlockKey?: string;
}

/** The folder, held while `use` works on it. */
export async function withFolder(
  io: Io,
  { stateDir, unlockKey }: FolderFlags,
  use: (folder: StateFolder) => Promise<void>,
): Promise<void> {
  const folder = await openStateFolder(stateDir, await keyOf(io, unlockKey));
  try {
    await use(folder);
  } finally {
    await folder.close();
  }
}

async function keyOf(io: Io, flag: string | undefined): Promise<string | undefined> {
  if (flag !== '-') return flag ?? (io.env.SWARM_UNLOCK_KEY || undefined);
  const key = (await io.secret('Unlock key: ')).trim();
  if (key === '') throw usage('there is no unlock key; type it, or pipe it in');
  return key;
}
