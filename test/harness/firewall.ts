import { spawnSync } from 'node:child_process';
import type { LanHost } from './lan.js';

/**
 * Cuts between hosts of a `Lan`, by nftables in the host that no longer hears: a cable that carries one
 * way only, one host alone, or two halves. Nothing says that a packet was lost, as in a real partition;
 * a host that was unplugged would know it from its link.
 */
export class Firewall {
  /** Addresses that a host does not hear. */
  private readonly deaf = new Map<LanHost, Set<string>>();

  /** Why it cannot be had here, as half a sentence. */
  static get missing(): string | undefined {
    if (process.getuid?.() !== 0) return 'network namespaces need root';
    for (const command of ['ip', 'nsenter', 'nft'])
      if (spawnSync('sh', ['-c', `command -v ${command}`], { env: environment() }).status !== 0)
        return `${command} is not installed`;
    return undefined;
  }

  /** Nothing that one of `from` sends arrives at one of `to`; the other way stays open. */
  cutOneWay(from: readonly LanHost[], to: readonly LanHost[]): void {
    for (const host of to) {
      const deaf = this.deaf.get(host) ?? new Set();
      for (const { address } of from) deaf.add(address);
      this.deaf.set(host, deaf);
      install(host, deaf);
    }
  }

  cut(some: readonly LanHost[], others: readonly LanHost[]): void {
    this.cutOneWay(some, others);
    this.cutOneWay(others, some);
  }

  /** Every cut ends. */
  heal(): void {
    for (const host of this.deaf.keys()) install(host, new Set());
    this.deaf.clear();
  }
}

/** One transaction: no packet sees half of it. */
function install(host: LanHost, deaf: ReadonlySet<string>): void {
  const drop = deaf.size === 0 ? '' : `ip saddr { ${[...deaf].join(', ')} } drop`;
  const rules = [
    'table ip swk_cut',
    'delete table ip swk_cut',
    'table ip swk_cut {',
    '  chain in {',
    '    type filter hook input priority 0; policy accept',
    `    ${drop}`,
    '  }',
    '}',
    '',
  ];
  const [command = '', ...words] = [...host.enter, 'nft', '-f', '-'];
  const done = spawnSync(command, words, {
    input: rules.join('\n'),
    encoding: 'utf8',
    env: environment(),
  });
  if (done.status !== 0) throw new Error(`nft on ${host.netns}: ${done.stderr}`);
}

const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`,
});
