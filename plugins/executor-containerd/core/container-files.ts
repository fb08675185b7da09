/** The three files that every container gets a copy of its own of: hosts, hostname, resolv.conf. */
import type { ContainerSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';

export const hostnameFile = (hostname: string): string => `${hostname}\n`;

/**
 * `extra` are the spec's entries, `IP host [aliases]`, as they stand in the file. On the machine's own
 * network the machine's file is the base.
 */
export function hostsFile(
  hostname: string,
  extra: readonly string[],
  machineFile: string | undefined,
): string {
  const added = extra.map((entry) => entry.trim().replace(/\s+/g, '\t'));
  if (machineFile !== undefined) return [machineFile.trimEnd(), ...added, ''].join('\n');
  return [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'ff00::0\tip6-mcastprefix',
    'ff02::1\tip6-allnodes',
    'ff02::2\tip6-allrouters',
    ...added,
    `127.0.1.1\t${hostname}`,
    '',
  ].join('\n');
}

/** The host's own resolver settings, with what the spec names in their place. */
export function resolvConf(host: string, dns: ContainerSpec['dnsConfig']): string {
  const given = {
    nameserver: dns?.nameservers ?? [],
    search: dns?.search ?? [],
    options: dns?.options ?? [],
  };
  const kept = host.split('\n').filter((line) => {
    const word = line.trim().split(/\s+/)[0];
    return !(
      (word === 'nameserver' || word === 'search' || word === 'options') &&
      given[word].length > 0
    );
  });
  const lines = [
    ...kept.filter((line) => line.trim() !== ''),
    ...given.nameserver.map((address) => `nameserver ${address}`),
    ...(given.search.length > 0 ? [`search ${given.search.join(' ')}`] : []),
    ...(given.options.length > 0 ? [`options ${given.options.join(' ')}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}
