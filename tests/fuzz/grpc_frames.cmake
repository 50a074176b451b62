ctr_fuzz(grpc_frames LIBS ctr_grpc)
