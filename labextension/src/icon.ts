import { LabIcon } from '@jupyterlab/ui-components';

const svgstr = `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <g class="jp-icon3 jp-icon-selectable" fill="#616161">
    <rect x="2" y="6" width="14" height="12" rx="2"/>
    <path d="M17.5 10.5 22 7v10l-4.5-3.5z"/>
  </g>
</svg>`;

export const cameraIcon = new LabIcon({ name: 'qhub-video-chat:camera', svgstr });
