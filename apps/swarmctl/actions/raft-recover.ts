import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Io } from '../io.js';
import { fields } from '../output/fields.js';
import { table } from '../output/table.js';
import type { Answer } from '../session.js';
import { type FolderFlags, withFolder } from './offline-folder.js';

export interface RecoverFlags extends FolderFlags {
  readonly yes?: boolean;
}

/** Says what it will do, is told to do it, keeps a copy, does it. */
export async function recover(answer: Answer, io: Io, flags: RecoverFlags): Promise<void> {
  await withFolder(io, flags, async ({ dir, identity, log, copyAt, keepCopy }) => {
    const { facts } = log;
    const plan = log.recovery();
    const says = {
      stateDir: dir,
      node: facts.nodeId,
      cluster: identity.clusterId,
      lastIndex: Number(facts.last),
      term: Number(facts.term),
      committed: Number(facts.commit),
      adopted: Number(plan?.adopted ?? 0n),
      forgotten: (plan?.removed ?? []).map(({ raftId, nodeId, addr }) => ({
        raftId: raftId.toString(16),
        node: nodeId,
        address: addr,
      })),
      newTerm: Number(plan?.hardState.term ?? facts.term),
      copy: plan === undefined ? '' : copyAt,
    };
    // With --format json the plan is the answer, and goes out when it was carried out.
    const explain = (text: string): void => {
      if (!answer.json) answer.say(text);
    };
    if (plan === undefined) {
      explain('This manager is the only one already: there is nothing to recover.');
      if (answer.json) answer.sayJson({ ...says, done: false });
      return;
    }
    explain(
      fields([
        ['State folder', dir],
        ['This manager', `node ${facts.nodeId} of cluster ${identity.clusterId}`],
        ['Log', `up to entry ${facts.last}, term ${facts.term}`],
        [
          'Uncommitted',
          says.adopted === 0
            ? 'none'
            : `${says.adopted} behind entry ${facts.commit}, the last that is known to be committed: they are kept, and count as committed`,
        ],
        ['Afterwards', `it is the only manager, from term ${says.newTerm} on`],
        ['Kept', 'all nodes, services, tasks, networks, secrets and configs'],
        ['Copy first', copyAt],
      ]),
    );
    explain('\nManagers that are forgotten for ever:\n');
    explain(
      table(
        ['MEMBER', 'NODE', 'ADDRESS'],
        says.forgotten.map(({ raftId, node, address }) => [raftId, node, address]),
      ),
    );
    explain('');
    if (flags.yes !== true) {
      const said = await io.ask(
        "None of them may ever run again on its old state. Type 'yes' to go on: ",
      );
      if (said.trim() !== 'yes')
        throw new SwarmError(
          'cancelled',
          'CTL_NOT_CONFIRMED',
          'nothing was changed; type yes when asked, or say --yes',
        );
    }
    await keepCopy();
    await log.recover(plan);
    explain('Done. Start swarmd on this folder as before; others may join it anew.');
    if (answer.json) answer.sayJson({ ...says, done: true });
  });
}
