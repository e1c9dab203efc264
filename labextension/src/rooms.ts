// The rooms of a person: the server of this deployment writes them into the page.

import { PageConfig } from '@jupyterlab/coreutils';

export interface Room {
  /** The group whose room it is. */
  group: string;
  /** Its name at the Jitsi server, which only members of the group are told. */
  name: string;
}

/** The address of the Jitsi server; empty where there is no video chat. */
export function server(): string {
  return PageConfig.getOption('videoChatServer').replace(/\/+$/, '');
}

export function rooms(): Room[] {
  return JSON.parse(PageConfig.getOption('videoChatRooms') || '[]');
}

/** Where a room is entered under one's name at the hub, after a look at camera and microphone. */
export function address(room: Room, person: string): string {
  const settings = {
    'userInfo.displayName': person,
    'config.subject': room.group,
    'config.prejoinConfig.enabled': true
  };
  const fragment = Object.entries(settings).map(
    ([key, value]) => `${key}=${encodeURIComponent(JSON.stringify(value))}`
  );
  return `${server()}/${encodeURIComponent(room.name)}#${fragment.join('&')}`;
}
