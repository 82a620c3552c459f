{
  "targets": [
    {
      "target_name": "netloom",
      "sources": ["src/addon.cc", "src/exchange.cc", "src/socket.cc", "src/watch.cc", "src/packet.cc", "src/namespace.cc", "src/file.cc", "src/tap.cc", "src/execute.cc", "src/receiver.cc"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": [
        "NAPI_VERSION=8",
        "NODE_ADDON_API_DISABLE_DEPRECATED",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
        "NAPI_DISABLE_CPP_EXCEPTIONS",
        "_GNU_SOURCE"
      ],
      "cflags_cc": ["-std=c++17", "-O2", "-Wall", "-Wextra"],
      "cflags_cc!": ["-fno-rtti", "-Wno-unused-parameter"]
    }
  ]
}
