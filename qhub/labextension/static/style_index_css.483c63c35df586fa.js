"use strict";(self.rspackChunkqhub_video_chat=self.rspackChunkqhub_video_chat||[]).push([["style_index_css"],{"./node_modules/css-loader/dist/cjs.js!./style/index.css"(e,t,o){var n=o("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),r=o.n(n),s=o("./node_modules/css-loader/dist/runtime/api.js"),i=(o.n(s))()(r());i.push([e.id,`.qhub-VideoChat-title {
  flex: 1;
  margin: 0;
  padding: 4px 10px;
  font-size: var(--jp-ui-font-size0);
  font-weight: 600;
  letter-spacing: 1px;
}

.qhub-VideoChat-body {
  overflow-y: auto;
}

.qhub-VideoChat-rooms {
  list-style: none;
  margin: 0;
  padding: 4px 0;
}

.qhub-VideoChat-room {
  display: flex;
}

.qhub-VideoChat-room:hover {
  background: var(--jp-layout-color2);
}

.qhub-VideoChat-room button {
  display: flex;
  align-items: center;
  gap: 8px;
  height: 28px;
  padding: 0 10px;
  border: none;
  background: none;
  color: var(--jp-ui-font-color1);
  font-size: var(--jp-ui-font-size1);
  text-align: left;
  cursor: pointer;
}

.qhub-VideoChat-room svg {
  display: block;
  width: 16px;
}

.qhub-VideoChat-room button:first-child {
  flex: 1;
  min-width: 0;
}

.qhub-VideoChat-room button:focus-visible {
  outline: 1px solid var(--jp-brand-color1);
  outline-offset: -1px;
}

.qhub-VideoChat-group {
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.qhub-VideoChat-note {
  margin: 6px 10px;
  color: var(--jp-ui-font-color2);
  font-size: var(--jp-ui-font-size0);
  line-height: 1.4;
}
`,""]),o.d(t,{},{A:i})},"./node_modules/css-loader/dist/runtime/api.js"(e){e.exports=function(e){var t=[];return t.toString=function(){return this.map(function(t){var o="",n=void 0!==t[5];return t[4]&&(o+="@supports (".concat(t[4],") {")),t[2]&&(o+="@media ".concat(t[2]," {")),n&&(o+="@layer".concat(t[5].length>0?" ".concat(t[5]):""," {")),o+=e(t),n&&(o+="}"),t[2]&&(o+="}"),t[4]&&(o+="}"),o}).join("")},t.i=function(e,o,n,r,s){"string"==typeof e&&(e=[[null,e,void 0]]);var i={};if(n)for(var a=0;a<this.length;a++){var d=this[a][0];null!=d&&(i[d]=!0)}for(var l=0;l<e.length;l++){var u=[].concat(e[l]);n&&i[u[0]]||(void 0!==s&&(void 0===u[5]||(u[1]="@layer".concat(u[5].length>0?" ".concat(u[5]):""," {").concat(u[1],"}")),u[5]=s),o&&(u[2]&&(u[1]="@media ".concat(u[2]," {").concat(u[1],"}")),u[2]=o),r&&(u[4]?(u[1]="@supports (".concat(u[4],") {").concat(u[1],"}"),u[4]=r):u[4]="".concat(r)),t.push(u))}},t}},"./node_modules/css-loader/dist/runtime/noSourceMaps.js"(e){e.exports=function(e){return e[1]}},"./style/index.css"(e,t,o){o.r(t);var n=o("./node_modules/style-loader/dist/runtime/injectStylesIntoStyleTag.js"),r=o.n(n),s=o("./node_modules/style-loader/dist/runtime/styleDomAPI.js"),i=o.n(s),a=o("./node_modules/style-loader/dist/runtime/insertBySelector.js"),d=o.n(a),l=o("./node_modules/style-loader/dist/runtime/setAttributesWithoutAttributes.js"),u=o.n(l),c=o("./node_modules/style-loader/dist/runtime/insertStyleElement.js"),p=o.n(c),m=o("./node_modules/style-loader/dist/runtime/styleTagTransform.js"),f=o.n(m),h=o("./node_modules/css-loader/dist/cjs.js!./style/index.css"),y={};y.styleTagTransform=f(),y.setAttributes=u(),y.insert=d().bind(null,"head"),y.domAPI=i(),y.insertStyleElement=p(),r()(h.A,y);let v=h.A&&h.A.locals?h.A.locals:void 0;o.d(t,{},{default:v})},"./node_modules/style-loader/dist/runtime/injectStylesIntoStyleTag.js"(e){var t=[];function o(e){for(var o=-1,n=0;n<t.length;n++)if(t[n].identifier===e){o=n;break}return o}function n(e,n){for(var r={},s=[],i=0;i<e.length;i++){var a=e[i],d=n.base?a[0]+n.base:a[0],l=r[d]||0,u="".concat(d," ").concat(l);r[d]=l+1;var c=o(u),p={css:a[1],media:a[2],sourceMap:a[3],supports:a[4],layer:a[5]};if(-1!==c)t[c].references++,t[c].updater(p);else{var m=function(e,t){var o=t.domAPI(t);return o.update(e),function(t){t?(t.css!==e.css||t.media!==e.media||t.sourceMap!==e.sourceMap||t.supports!==e.supports||t.layer!==e.layer)&&o.update(e=t):o.remove()}}(p,n);n.byIndex=i,t.splice(i,0,{identifier:u,updater:m,references:1})}s.push(u)}return s}e.exports=function(e,r){var s=n(e=e||[],r=r||{});return function(e){e=e||[];for(var i=0;i<s.length;i++){var a=o(s[i]);t[a].references--}for(var d=n(e,r),l=0;l<s.length;l++){var u=o(s[l]);0===t[u].references&&(t[u].updater(),t.splice(u,1))}s=d}}},"./node_modules/style-loader/dist/runtime/insertBySelector.js"(e){var t={};e.exports=function(e,o){var n=function(e){if(void 0===t[e]){var o=document.querySelector(e);if(window.HTMLIFrameElement&&o instanceof window.HTMLIFrameElement)try{o=o.contentDocument.head}catch(e){o=null}t[e]=o}return t[e]}(e);if(!n)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");n.appendChild(o)}},"./node_modules/style-loader/dist/runtime/insertStyleElement.js"(e){e.exports=function(e){var t=document.createElement("style");return e.setAttributes(t,e.attributes),e.insert(t,e.options),t}},"./node_modules/style-loader/dist/runtime/setAttributesWithoutAttributes.js"(e,t,o){e.exports=function(e){var t=o.nc;t&&e.setAttribute("nonce",t)}},"./node_modules/style-loader/dist/runtime/styleDomAPI.js"(e){e.exports=function(e){if("u"<typeof document)return{update:function(){},remove:function(){}};var t=e.insertStyleElement(e);return{update:function(o){var n,r,s;n="",o.supports&&(n+="@supports (".concat(o.supports,") {")),o.media&&(n+="@media ".concat(o.media," {")),(r=void 0!==o.layer)&&(n+="@layer".concat(o.layer.length>0?" ".concat(o.layer):""," {")),n+=o.css,r&&(n+="}"),o.media&&(n+="}"),o.supports&&(n+="}"),(s=o.sourceMap)&&"u">typeof btoa&&(n+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(s))))," */")),e.styleTagTransform(n,t,e.options)},remove:function(){var e;null===(e=t).parentNode||e.parentNode.removeChild(e)}}}},"./node_modules/style-loader/dist/runtime/styleTagTransform.js"(e){e.exports=function(e,t){if(t.styleSheet)t.styleSheet.cssText=e;else{for(;t.firstChild;)t.removeChild(t.firstChild);t.appendChild(document.createTextNode(e))}}}}]);