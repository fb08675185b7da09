import {
  type PortConfig,
  PortConfig_Protocol,
  PortConfig_PublishMode,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { oneOf, pair, unreadable } from './units.js';

/** Published ports, in Docker's two forms and in SwarmKit's. */

const protocols = {
  tcp: PortConfig_Protocol.TCP,
  udp: PortConfig_Protocol.UDP,
  sctp: PortConfig_Protocol.SCTP,
} as const;
const modes = {
  ingress: PortConfig_PublishMode.INGRESS,
  host: PortConfig_PublishMode.HOST,
} as const;

/**
 * Docker's `--publish`: `[published:]target[/protocol]`, where both may be ranges of the same length, or
 * `published=8080,target=80,protocol=tcp,mode=host`.
 */
export function publishedPorts(flag: string, text: string): readonly PortConfig[] {
  return text.includes('=') ? [longForm(flag, text)] : shortForm(flag, text);
}

const shortHelp = 'write 8080:80, 80/udp, 8000-8009:80-89 or published=8080,target=80';

function shortForm(flag: string, text: string): readonly PortConfig[] {
  const match = /^(?:([\d-]+):)?([\d-]+)(?:\/(\w+))?$/.exec(text);
  if (match === null) throw unreadable(flag, text, shortHelp);
  const protocol = oneOf(flag, protocols, match[3] ?? 'tcp');
  const targets = range(flag, text, match[2] as string);
  const published = match[1] === undefined ? undefined : range(flag, text, match[1]);
  if (published !== undefined && published.length !== targets.length)
    throw unreadable(flag, text, 'both ranges must have the same length');
  return targets.map((targetPort, index) => ({
    name: '',
    protocol,
    targetPort,
    publishedPort: published?.[index] ?? 0,
    publishMode: PortConfig_PublishMode.INGRESS,
  }));
}

function range(flag: string, text: string, part: string): readonly number[] {
  const match = /^(\d+)(?:-(\d+))?$/.exec(part);
  if (match === null) throw unreadable(flag, text, shortHelp);
  const first = portNumber(flag, text, match[1] as string);
  const last = match[2] === undefined ? first : portNumber(flag, text, match[2]);
  if (last < first) throw unreadable(flag, text, 'a range begins with its lower port');
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function longForm(flag: string, text: string): PortConfig {
  const fields = { target: '', published: '', protocol: 'tcp', mode: 'ingress' };
  for (const part of text.split(',')) {
    const [key, value] = pair(part);
    if (!Object.hasOwn(fields, key))
      throw unreadable(flag, part, 'known are published, target, protocol and mode');
    fields[key as keyof typeof fields] = value;
  }
  return {
    name: '',
    protocol: oneOf(`${flag} protocol`, protocols, fields.protocol),
    targetPort: portNumber(flag, text, fields.target),
    publishedPort: fields.published === '' ? 0 : portNumber(flag, text, fields.published),
    publishMode: oneOf(`${flag} mode`, modes, fields.mode),
  };
}

/** SwarmKit's `--ports`: `name:target[/protocol][:published[/protocol]]`, published on the task's own node. */
export function namedPort(flag: string, text: string): PortConfig {
  const match = /^(\D[^:]*):(\d+)(?:\/(\w+))?(?::(\d+)(?:\/(\w+))?)?$/.exec(text);
  if (match === null)
    throw unreadable(flag, text, 'write name:80 or name:80/tcp:8080, or use --publish 8080:80');
  const [, name = '', target = '', protocol = 'tcp', published, again] = match;
  if (again !== undefined && again.toLowerCase() !== protocol.toLowerCase())
    throw unreadable(flag, text, 'both protocols must be the same');
  return {
    name,
    protocol: oneOf(flag, protocols, protocol),
    targetPort: portNumber(flag, text, target),
    publishedPort: published === undefined ? 0 : portNumber(flag, text, published),
    publishMode: PortConfig_PublishMode.HOST,
  };
}

/** Does `--publish-rm` mean this port? `80` in any protocol, `80/udp` only there. */
export function portSelector(flag: string, text: string): (port: PortConfig) => boolean {
  const match = /^(\d+)(?:\/(\w+))?$/.exec(text);
  if (match === null) throw unreadable(flag, text, 'write a target port like 80 or 80/udp');
  const target = portNumber(flag, text, match[1] as string);
  const protocol = match[2] === undefined ? undefined : oneOf(flag, protocols, match[2]);
  return (port) =>
    port.targetPort === target && (protocol === undefined || port.protocol === protocol);
}

function portNumber(flag: string, text: string, digits: string): number {
  const value = Number(digits);
  if (!/^\d+$/.test(digits) || value < 1 || value > 65_535)
    throw unreadable(flag, text, 'ports are 1 to 65535');
  return value;
}
