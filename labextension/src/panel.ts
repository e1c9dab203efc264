// The side panel: the rooms to choose from, and what to know before entering one.

import { launchIcon, LabIcon, SidePanel, usersIcon } from '@jupyterlab/ui-components';
import { Panel, Widget } from '@lumino/widgets';

import { cameraIcon } from './icon';
import { Room, rooms, server } from './rooms';

export interface Actions {
  /** Enter a room in JupyterLab. */
  join(room: Room): void;
  /** Enter a room in a tab of the browser. */
  leaveFor(room: Room): void;
}

export function createPanel(actions: Actions): Widget {
  const panel = new SidePanel({ content: new Panel() });
  panel.id = 'qhub-video-chat';
  panel.title.icon = cameraIcon;
  panel.title.caption = 'Video Chat';
  panel.addClass('qhub-VideoChat');
  panel.header.addWidget(new Widget({ node: element('h2', 'qhub-VideoChat-title', 'Video chat') }));
  panel.addWidget(new Widget({ node: content(actions) }));
  return panel;
}

function content(actions: Actions): HTMLElement {
  const body = element('div', 'qhub-VideoChat-body');
  const list = element('ul', 'qhub-VideoChat-rooms');
  for (const room of rooms()) {
    list.append(entry(room, actions));
  }
  body.append(list, ...notes().map(note => element('p', 'qhub-VideoChat-note', note)));
  return body;
}

function entry(room: Room, actions: Actions): HTMLElement {
  const item = element('li', 'qhub-VideoChat-room');
  const join = button(usersIcon, `Enter the room of ${room.group}`, () => actions.join(room));
  join.append(element('span', 'qhub-VideoChat-group', room.group));
  const title = `Open the room of ${room.group} in a browser tab`;
  item.append(join, button(launchIcon, title, () => actions.leaveFor(room)));
  return item;
}

function button(icon: LabIcon, title: string, onclick: () => void): HTMLElement {
  const made = document.createElement('button');
  made.type = 'button';
  made.title = title;
  made.setAttribute('aria-label', title);
  made.onclick = onclick;
  icon.element({ container: made });
  return made;
}

function notes(): string[] {
  const host = new URL(server()).host;
  const found = [`Rooms are at ${host}. Only members of a group see its room.`];
  if (!rooms().length) {
    found.unshift('There is a room for each group. You are in none.');
  }
  if (!window.isSecureContext) {
    found.push(
      'This hub is not served by HTTPS, so browsers give no camera and no microphone to rooms' +
        ' in JupyterLab. Open them in a browser tab.'
    );
  }
  if (host === 'meet.jit.si') {
    found.push(
      'meet.jit.si ends a call in JupyterLab after five minutes, and somebody has to log in there' +
        ' to begin it. For a longer call open the room in a browser tab.'
    );
  }
  return found;
}

function element(name: string, classes: string, text = ''): HTMLElement {
  const made = document.createElement(name);
  made.className = classes;
  made.textContent = text;
  return made;
}
