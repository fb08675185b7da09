/** Linux signal numbers by name, as stop signals are written: `SIGTERM`, `term`, `15`, `RTMIN+3`. */
import { SwarmError } from '@swarmkit/sdk/plugin/errors';

/** In the order of their numbers, from 1. Numbers are those of x86, ARM, RISC-V and s390. */
const names =
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'.split(
    ' ',
  );
const RTMIN = 34;
const RTMAX = 64;
const aliases: Readonly<Record<string, string>> = { IOT: 'ABRT', CLD: 'CHLD', POLL: 'IO' };

const SIGTERM = 15;
export const SIGKILL = 9;

/** '' is SIGTERM. Throws for what is no signal. */
export function signalNumber(text: string): number {
  if (text === '') return SIGTERM;
  const number = /^\d+$/.test(text) ? Number(text) : byName(text.toUpperCase().replace(/^SIG/, ''));
  if (number < 1 || number > RTMAX)
    throw new SwarmError(
      'invalid-argument',
      'CONTAINERD_SPEC_INVALID',
      `"${text}" is not a signal; use a name like SIGTERM or a number from 1 to ${RTMAX}`,
    );
  return number;
}

function byName(name: string): number {
  const realTime = /^(RTMIN|RTMAX)(?:([+-])(\d+))?$/.exec(name);
  if (realTime !== null) {
    const offset = Number(realTime[3] ?? 0) * (realTime[2] === '-' ? -1 : 1);
    const number = (realTime[1] === 'RTMIN' ? RTMIN : RTMAX) + offset;
    return number >= RTMIN && number <= RTMAX ? number : 0;
  }
  return names.indexOf(aliases[name] ?? name) + 1;
}
